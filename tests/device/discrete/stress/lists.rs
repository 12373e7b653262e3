//! Launches that follow pointers: lists through several parts, and jobs that name what they copy.
//!
//! # Safety
//! What the pointers lead to is declared as reach, and lies in parts that the launch has; the lists end, and jobs stay inside their parts.
#![allow(unsafe_code)]

use super::{
    batch::{Part, TABLE, Tables},
    piece::Kind,
    setting::Setting,
};
use crate::discrete::kernels::{Chase, Job, Jobs, Node, mixed};
use fastrand::Rng;
use std::ops::Range;
use vksvm::{Grid, Ptr, Reach, seam::Span};

/// Nodes in all lists of a launch.
const NODES: usize = 3000;

/// Parts that a launch reaches.
const REACHED: usize = 3;

/// Words in a node's 16 bytes.
const WORDS: usize = 4;

/// Words in a job, which 64 invocations share; llvmpipe ends loops after 65535 iterations.
const JOB: usize = 200_000;

/// Lists through up to three parts, built by the program, followed and changed by the device.
pub fn chase(setting: &Setting, rng: &mut Rng, parts: &mut [Part<'_, '_>], picked: &[usize], tables: &mut Tables<'_>) {
    let long = |at: &&usize| parts[**at].kind == Kind::Longs && parts[**at].model.len() >= WORDS;
    let through: Vec<usize> = picked.iter().filter(long).copied().take(rng.usize(1..=REACHED)).collect();
    let Some(out) = picked.iter().copied().find(|at| !through.contains(at)) else { return };
    if through.is_empty() {
        return;
    }
    // Where nodes can be: a part, and a number in it.
    let places = through.iter().flat_map(|part| (0..parts[*part].model.len() / WORDS).map(move |node| (*part, node)));
    let mut places: Vec<(usize, usize)> = places.collect();
    rng.shuffle(&mut places);
    places.truncate(rng.usize(1..=NODES));
    let lists = rng.usize(1..=parts[out].model.len().min(TABLE).min(places.len()));
    let lists: Vec<&[(usize, usize)]> = places.chunks(places.len().div_ceil(lists)).collect();
    let (n, most, seed) = (lists.len() as u32, NODES as u32, rng.u32(..));
    setting.record.line("chase", || format!("{n} lists of {} nodes through parts {through:?}", lists[0].len()));
    let address = |parts: &[Part<'_, '_>], (part, node): (usize, usize)| (parts[part].span.start + 16 * node) as u64;
    let heads: Vec<Ptr<Node>> = lists.iter().map(|list| Ptr::from_address(address(parts, list[0]))).collect();
    for list in &lists {
        for (index, &(part, node)) in list.iter().enumerate() {
            let next = list.get(index + 1).map_or(0, |next| address(parts, *next));
            let words = [next as u32, (next >> 32) as u32];
            parts[part].model[WORDS * node..WORDS * node + 2].copy_from_slice(&words);
        }
    }
    for &at in &through {
        let part = &mut parts[at];
        let words = part.lent.host_mut().unwrap_or_else(|error| panic!("a list's part: {error}"));
        for &(_, node) in places.iter().filter(|(of, _)| *of == at) {
            let link = WORDS * node..WORDS * node + 2;
            words[link.clone()].copy_from_slice(&part.model[link]);
        }
    }
    let Some(table) = rng.choice(&mut tables.heads) else { return };
    let table_span = addresses(Span::of(fill(table.host_mut(), &heads)));
    let mut uses = vec![table_span, parts[out].span.clone()];
    uses.extend(through.iter().map(|at| parts[*at].span.clone()));
    let (mut reach, mut to) = (Reach::new(), None);
    for (at, part) in parts.iter_mut().enumerate() {
        if through.contains(&at) {
            reach = reach.update(part.lent.update());
        } else if at == out {
            to = Some(part.lent.write());
        }
    }
    let Some(to) = to else { return };
    let args = Chase { heads: table.read(), to, n, most, seed, reach };
    // SAFETY: the lists were just built, inside the parts, and end.
    let launched = unsafe { setting.kernels.chase.launch_reaching(n, args) };
    if setting.accepted(launched, &uses).is_some() {
        for (i, list) in lists.iter().enumerate() {
            let mut x = seed;
            for (step, &(part, node)) in list.iter().enumerate() {
                let value = &mut parts[part].model[WORDS * node + 2];
                x = mixed(x, *value, step as u32);
                *value = x;
            }
            parts[out].model[i] = x;
        }
    }
}

/// Ranges of some parts, mixed into disjoint ranges of others.
pub fn jobs(setting: &Setting, rng: &mut Rng, parts: &mut [Part<'_, '_>], picked: &[usize], tables: &mut Tables<'_>) {
    let (to, from) = picked.split_at(rng.usize(1..=REACHED.min(picked.len() - 1)));
    let from = &from[..rng.usize(1..=REACHED.min(from.len()))];
    /// A job, by parts and words in them.
    struct Copy {
        from: (usize, usize),
        to: (usize, usize),
        words: usize,
        seed: u32,
    }
    let mut copies = vec![];
    for &to in to {
        let mut at = rng.usize(0..parts[to].model.len());
        for _ in 0..rng.usize(1..=8) {
            let source = from[rng.usize(0..from.len())];
            let start = rng.usize(0..parts[source].model.len());
            let most = (parts[to].model.len() - at).min(parts[source].model.len() - start).min(JOB);
            if most == 0 {
                break;
            }
            let words = rng.usize(1..=most);
            copies.push(Copy { from: (source, start), to: (to, at), words, seed: rng.u32(..) });
            at += words + rng.usize(0..=(parts[to].model.len() - at - words).min(100));
        }
    }
    setting.record.line("copy", || format!("{} jobs from parts {from:?} to {to:?}", copies.len()));
    let pointer = |(part, word): (usize, usize)| Ptr::from_address((parts[part].span.start + 4 * word) as u64);
    let rows: Vec<Job> = copies
        .iter()
        .map(|copy| Job { from: pointer(copy.from), to: pointer(copy.to), words: copy.words as u32, seed: copy.seed })
        .collect();
    let n = rows.len() as u32;
    let Some(table) = rng.choice(&mut tables.jobs) else { return };
    let mut uses = vec![addresses(Span::of(fill(table.host_mut(), &rows)))];
    uses.extend(to.iter().chain(from).map(|at| parts[*at].span.clone()));
    let mut reach = Reach::new();
    for (at, part) in parts.iter_mut().enumerate() {
        if to.contains(&at) {
            reach = reach.update(part.lent.update());
        } else if from.contains(&at) {
            reach = reach.read(part.lent.read());
        }
    }
    // SAFETY: each job stays inside its parts, and no two write the same words.
    let launched =
        unsafe { setting.kernels.jobs.launch_reaching(Grid::groups([n, 1, 1]), Jobs { jobs: table.read(), n, reach }) };
    if setting.accepted(launched, &uses).is_some() {
        for Copy { from, to, words, seed } in copies {
            let source = parts[from.0].model[from.1..from.1 + words].to_vec();
            let target = &mut parts[to.0].model[to.1..to.1 + words];
            for (i, (word, from)) in target.iter_mut().zip(source).enumerate() {
                *word = mixed(*word, from, (i as u32).wrapping_add(seed));
            }
        }
    }
}

/// Puts rows at the beginning of a table, which no launch uses then, and returns all of it.
fn fill<'t, T: Clone>(table: vksvm::Result<&'t mut [T]>, rows: &[T]) -> &'t [T] {
    let table = table.unwrap_or_else(|error| panic!("a table: {error}"));
    table[..rows.len()].clone_from_slice(rows);
    table
}

fn addresses(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}
