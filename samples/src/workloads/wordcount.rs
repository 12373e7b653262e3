//! How often each word of a text occurs. The text is read from its file straight into the heap.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, grouped, row_of_groups};
use crate::{kernels, types::Word};
use anyhow::{Context, Result, bail};
use std::{
    collections::HashMap,
    fs::File,
    io::{ErrorKind, Read, Seek},
    path::Path,
};
use vksvm::{In, InOut, KernelArgs, Svm, SvmVec};

pub const WORKLOAD: Workload = Workload {
    name: "wordcount",
    about: "how often each word of a text occurs, in a hash table with atomics",
    unit: "bytes",
    sizes: [Some(1 << 16), None, Some(16 << 20)],
    input: Some("any file"),
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Words<'a> {
    #[len(n)]
    text: In<'a, u8>,
    #[len(slots)]
    table: InOut<'a, Word>,
    #[len(1)]
    dropped: InOut<'a, u32>,
    n: u32,
    slots: u32,
}

fn run(job: &Job) -> Result<Outcome> {
    let path = match job.input {
        Some(path) => path.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("data/moby-dick.txt"),
    };
    job.step("reading the text");
    let text = read(job.svm, &path, job.size).with_context(|| format!("cannot read {}", path.display()))?;
    // SAFETY: words.comp reads text[i] for i < n, table[i] for i < slots and dropped[0], the latter two by atomics
    // only; it takes no slot's content for a position without comparing it with n.
    let kernel = unsafe { job.svm.module(kernels::WORDS).load::<Words>()? }.timed();

    job.step("counting on the device");
    let n = text.len();
    let mut meter = Meter::start();
    // A guess at twice the distinct words of ordinary text; where it is too small the kernel says so.
    let mut slots = (n / 16).clamp(1024, 1 << 30).next_power_of_two();
    let table = loop {
        let (mut table, mut dropped) = (job.svm.try_zeroed::<Word>(slots)?, job.svm.try_zeroed::<u32>(1)?);
        job.names([((&text).into(), "text"), ((&table).into(), "table")]);
        job.svm.scope(|s| {
            let (table, dropped) = (s.update(&mut table), s.update(&mut dropped));
            let args = Words { text: s.read(&text), table, dropped, n: n as u32, slots: slots as u32 };
            meter.add(kernel.launch(row_of_groups(n, 256), args)?);
            Ok(())
        })?;
        if dropped[0] == 0 {
            break table;
        }
        slots *= 8;
        if slots > 1 << 31 {
            bail!("the text has too many distinct words");
        }
    };
    let measured = meter.stop()?;

    job.step("checking");
    let check = compare(&text, &table);
    let mut used: Vec<&Word> = table.iter().filter(|w| w.count > 0).collect();
    used.sort_unstable_by_key(|w| (std::cmp::Reverse(w.count), w.first));
    let total: u64 = used.iter().map(|w| u64::from(w.count)).sum();
    let top: Vec<_> = used.iter().take(3).map(|w| (word_from(&text, w), w.count)).collect();
    let top: Vec<_> = top.iter().map(|(word, count)| format!("{} {}", show(word), grouped((*count).into()))).collect();
    let summary = format!("{} words, {} distinct: {}", grouped(total), grouped(used.len() as u64), top.join(", "));
    Ok(Outcome { size: n as u64, measured, check, summary, picture: None })
}

/// Reads a file into the heap: its first `wanted` bytes, over again from the start if it has fewer, or all of it.
fn read(svm: &Svm, path: &Path, wanted: Option<u64>) -> Result<SvmVec<u8>> {
    let mut file = File::open(path)?;
    // Not to be trusted: a pipe has no length, and a file may grow.
    let expected = wanted.unwrap_or(file.metadata()?.len());
    if expected >= u32::MAX.into() {
        bail!("{expected} bytes are too many: positions have 32 bits");
    }
    let mut text = svm.try_zeroed::<u8>((expected as usize).max(1))?;
    let mut filled = 0;
    loop {
        if filled == text.len() {
            if wanted.is_some() {
                return Ok(text);
            }
            if text.len() * 2 >= u32::MAX as usize {
                bail!("it has too many bytes: positions have 32 bits");
            }
            text.resize(text.len() * 2, 0);
        }
        match file.read(&mut text[filled..]) {
            Ok(0) if filled == 0 => bail!("it is empty"),
            Ok(0) if wanted.is_some() => file.rewind()?,
            Ok(0) => {
                text.truncate(filled);
                return Ok(text);
            }
            Ok(more) => filled += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// The word of a slot, read from the text where it first claimed the slot.
fn word_from(text: &[u8], slot: &Word) -> Vec<u8> {
    let mut first = None;
    each_word(&text[slot.first as usize - 1..], |word| {
        first.get_or_insert_with(|| word.to_vec());
        false
    });
    first.unwrap_or_default()
}

fn show(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    if text.chars().count() <= 20 { text.into_owned() } else { text.chars().take(19).chain(['…']).collect() }
}

/// Compares the table with a count by an ordinary map: the same words, each once and as often.
fn compare(text: &[u8], table: &[Word]) -> Result<(), String> {
    let mut want: HashMap<Vec<u8>, u32> = HashMap::new();
    each_word(text, |word| {
        match want.get_mut(word) {
            Some(count) => *count += 1,
            None => _ = want.insert(word.to_vec(), 1),
        }
        true
    });
    for slot in table.iter().filter(|w| **w != Word { first: 0, count: 0 }) {
        if slot.first == 0 || slot.first as usize > text.len() {
            return Err(format!("a slot points at position {} of {}", slot.first, text.len()));
        }
        let word = word_from(text, slot);
        match want.remove(&word) {
            Some(count) if count == slot.count => {}
            Some(count) => return Err(format!("'{}' is counted {} times, should be {count}", show(&word), slot.count)),
            None => return Err(format!("'{}' is counted twice, or is no word", show(&word))),
        }
    }
    match want.iter().next() {
        Some((word, count)) => Err(format!("{} words are missing, e.g. '{}', {count} times", want.len(), show(word))),
        None => Ok(()),
    }
}

/// Calls `take` with each word, in lower case, until it returns false. Works through the text from front to back, where
/// the kernel looks at each byte by itself.
///
/// A word is made of ASCII letters and digits, of non-ASCII characters other than those whose UTF-8 begins with C2 or
/// E2 (punctuation and symbols), and of single apostrophes, ' or U+2019, between these.
fn each_word(text: &[u8], mut take: impl FnMut(&[u8]) -> bool) {
    let continuation = |at: usize| text.get(at).is_some_and(|c| (0x80..0xc0).contains(c));
    // Byte length of the separator at a position, 0 where there is none.
    let separator = |at: usize| match text[at] {
        0xe2 => 1 + usize::from(continuation(at + 1)) + usize::from(continuation(at + 1) && continuation(at + 2)),
        0xc2 => 1 + usize::from(continuation(at + 1)),
        c if c < 0x80 && !c.is_ascii_alphanumeric() => 1,
        _ => 0,
    };
    let (mut word, mut at) = (vec![], 0);
    while at < text.len() {
        let skip = separator(at);
        if skip == 0 {
            word.push(text[at].to_ascii_lowercase());
            at += 1;
            continue;
        }
        let apostrophe = matches!(&text[at..at + skip], b"'" | b"\xe2\x80\x99");
        at += skip;
        let joins = apostrophe && !word.is_empty() && at < text.len() && separator(at) == 0;
        if joins {
            word.push(b'\'');
        } else if !word.is_empty() {
            if !take(&word) {
                return;
            }
            word.clear();
        }
    }
    if !word.is_empty() {
        take(&word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[u8]) -> Vec<String> {
        let mut found = vec![];
        each_word(text, |w| {
            found.push(String::from_utf8_lossy(w).into_owned());
            true
        });
        found
    }

    #[test]
    fn words_are_found_by_hand() {
        assert_eq!(
            words(b"Call me Ishmael. Some years ago\xe2\x80\x94never"),
            ["call", "me", "ishmael", "some", "years", "ago", "never"]
        );
        assert_eq!(
            words("don't Don’t 'tis dogs' a''b x'".as_bytes()),
            ["don't", "don't", "tis", "dogs", "a", "b", "x"]
        );
        assert_eq!(words("“naïve café”\u{a0}№5".as_bytes()), ["naïve", "café", "5"]);
        assert!(words(b"").is_empty() && words(b" \n--").is_empty());
        assert_eq!(words(b"1851 a"), ["1851", "a"]);
    }

    #[test]
    fn a_table_that_differs_is_found() {
        let text = b"one two one";
        let slot = |first, count| Word { first, count };
        assert_eq!(compare(text, &[slot(0, 0), slot(9, 2), slot(5, 1)]), Ok(()));
        assert!(compare(text, &[slot(1, 2)]).unwrap_err().contains("missing"));
        assert!(compare(text, &[slot(1, 1), slot(5, 1)]).unwrap_err().contains("counted 1 times"));
        assert!(compare(text, &[slot(1, 2), slot(9, 2), slot(5, 1)]).unwrap_err().contains("twice"));
        assert!(compare(text, &[slot(1, 2), slot(5, 1), slot(40, 1)]).unwrap_err().contains("position 40"));
    }
}
