//! A batch: pieces are cut into chunks; launches use some, threads others, all at once; then memory must be what the model says.

use super::{
    host::{Hand, Shared},
    lists,
    piece::{Chunk, Kind, Piece},
    setting::Setting,
};
use crate::discrete::{
    kernels::{Fold, Job, Mix, Node, Put, mixed, mixed_often},
    rig::Stop,
};
use bytemuck::{cast_slice, cast_slice_mut};
use fastrand::Rng;
use std::{ops::Range, sync::atomic::AtomicBool, thread};
use vksvm::{In, Lent, Ptr, SvmVec};

/// Iterations that a kernel's loop may have: llvmpipe ends loops after 65535.
const LOOP: usize = 60_000;

/// Steps of the hash in a launch, so that the model keeps up.
const WORK: usize = 400_000;

/// A chunk that is lent to launches.
pub struct Part<'s, 'p> {
    pub id: u32,
    pub kind: Kind,
    pub offset: usize,
    pub lent: Lent<'s, u32>,
    pub model: &'p mut [u32],
    /// Its addresses.
    pub span: Range<usize>,
}

/// What is read by pointer: heads of lists and jobs, in memory of their own.
pub struct Tables<'s> {
    pub heads: Vec<Lent<'s, Ptr<Node>>>,
    pub jobs: Vec<Lent<'s, Job>>,
}

/// Elements in a table.
pub const TABLE: usize = 512;

/// How many elements, from which on, and every how many-th: inside `len`, and no more than `most` elements.
pub fn step_over(rng: &mut Rng, len: usize, most: usize) -> (u32, u32, u32) {
    let first = if rng.bool() { 0 } else { rng.usize(0..len) };
    let step = if rng.u32(0..5) < 3 { 1 } else { rng.usize(2..3000) };
    let n = (1 + (len - 1 - first) / step).min(most).min(WORK);
    let n = if rng.bool() { n } else { rng.usize(1..=n) };
    (n as u32, first as u32, step as u32)
}

/// Who has a chunk.
enum Role {
    Launches,
    Everybody,
    Thread(usize),
}

pub fn run(setting: &Setting, rng: &mut Rng, pieces: &mut [Piece]) {
    let threads = rng.usize(1..=3);
    let mut lent: Vec<Chunk<'_>> = vec![];
    let mut shared: Vec<Shared<'_>> = vec![];
    let mut of_thread: Vec<Vec<Chunk<'_>>> = (0..threads).map(|_| vec![]).collect();
    // Where nothing is in place a launch must fit into device memory, so most chunks are small.
    let most = if setting.mode.in_place { usize::MAX } else { setting.budget as usize / 4 };
    let few = rng.u32(0..3) == 0;
    for piece in pieces {
        if few && rng.u32(0..3) > 0 {
            continue;
        }
        for chunk in cut(rng, piece.chunk(), most) {
            match role(rng, threads, chunk.kind) {
                Role::Launches => lent.push(chunk),
                Role::Everybody => shared.push(Shared { chunk }),
                Role::Thread(at) => of_thread[at].push(chunk),
            }
        }
    }
    setting.record.line("batch", || {
        let owned: Vec<usize> = of_thread.iter().map(Vec::len).collect();
        format!("{} chunks for launches, {} to be read by all, {owned:?} for threads", lent.len(), shared.len())
    });
    let seen: Vec<(&[u8], &[u8])> = shared.iter().map(|s| (&*s.chunk.bytes, &*s.chunk.model)).collect();
    let launches = rng.usize(2..16);
    let operations = rng.usize(0..24);
    let stop = AtomicBool::new(false);
    let mut heads: Vec<SvmVec<Ptr<Node>>> = (0..2).map(|_| setting.svm.zeroed(TABLE)).collect();
    let mut jobs: Vec<SvmVec<Job>> = (0..2).map(|_| setting.svm.zeroed(TABLE)).collect();
    let done = setting.svm.scope(|s| {
        let inputs: Vec<(In<'_, u32>, &[u32], Range<usize>)> = shared
            .iter()
            .filter(|shared| shared.chunk.kind != Kind::Bytes && shared.chunk.len() >= 4)
            .map(|shared| {
                let words: &[u32] = cast_slice(shared.chunk.bytes);
                (
                    s.read(words),
                    cast_slice(shared.chunk.model),
                    shared.chunk.start()..shared.chunk.start() + shared.chunk.len(),
                )
            })
            .collect();
        let mut parts: Vec<Part<'_, '_>> = lent
            .into_iter()
            .map(|chunk| {
                let span = chunk.start()..chunk.start() + chunk.len();
                let Chunk { id, kind, offset, bytes, model } = chunk;
                Part { id, kind, offset, lent: s.lend(cast_slice_mut(bytes)), model: cast_slice_mut(model), span }
            })
            .collect();
        let mut tables = Tables {
            heads: heads.iter_mut().map(|v| s.lend(v)).collect(),
            jobs: jobs.iter_mut().map(|v| s.lend(v)).collect(),
        };
        thread::scope(|t| {
            for chunks in of_thread {
                let hand = Hand { setting, rng: rng.fork(), chunks, stop: &stop };
                let seen = &seen;
                t.spawn(move || hand.work(seen, operations));
            }
            // On a panic, too: the threads would go on for ever.
            let _stop = Stop(&stop);
            for _ in 0..launches {
                launch(setting, rng, &mut parts, &inputs, &mut tables)?;
            }
            Ok(())
        })
    });
    done.unwrap_or_else(|error: vksvm::Error| panic!("a batch: {error}"));
}

fn role(rng: &mut Rng, threads: usize, kind: Kind) -> Role {
    match (kind, rng.u32(0..16)) {
        (_, 0..3) => Role::Everybody,
        (Kind::Bytes, _) | (_, 3..8) => Role::Thread(rng.usize(0..threads)),
        _ => Role::Launches,
    }
}

/// In one to five chunks, where its elements allow.
fn cut<'p>(rng: &mut Rng, whole: Chunk<'p>, most: usize) -> Vec<Chunk<'p>> {
    let grain = match whole.kind {
        Kind::Bytes => 1,
        Kind::Words => 4,
        Kind::Longs => 16,
    };
    let (mut chunks, mut rest) = (vec![], whole);
    let parts = rng.usize(1..=5).max(if rng.u32(0..10) > 0 { rest.len() / most.max(1) } else { 0 });
    for left in (1..parts).rev() {
        let grains = rest.len() / grain;
        if grains < 2 {
            break;
        }
        // Often in the middle of the first page or the last, so that the border is shared.
        let at = match rng.u32(0..3) {
            0 => rng.usize(1..grains.min(1 + 65536 / grain)),
            1 => rng.usize(grains.saturating_sub(65536 / grain).max(1)..grains),
            _ => rng.usize(1..=(2 * grains / (left + 1)).max(1)).min(grains - 1),
        };
        let (head, tail) = rest.split_at(at * grain);
        chunks.push(head);
        rest = tail;
    }
    chunks.push(rest);
    chunks
}

/// One launch, or a look by the program.
fn launch(
    setting: &Setting,
    rng: &mut Rng,
    parts: &mut [Part<'_, '_>],
    inputs: &[(In<'_, u32>, &[u32], Range<usize>)],
    tables: &mut Tables<'_>,
) -> vksvm::Result<()> {
    let usable: Vec<usize> = (0..parts.len()).filter(|at| !parts[*at].model.is_empty()).collect();
    if usable.len() < 3 {
        return Ok(());
    }
    let mut picked = usable;
    rng.shuffle(&mut picked);
    match rng.u32(0..16) {
        0..5 => mix(setting, rng, parts, &picked, inputs),
        5..8 => put(setting, rng, &mut parts[picked[0]]),
        8..10 => fold(setting, rng, parts, &picked),
        10..12 => lists::chase(setting, rng, parts, &picked, tables),
        12..14 => lists::jobs(setting, rng, parts, &picked, tables),
        14 => return look(setting, rng, &mut parts[picked[0]]),
        _ => setting.svm.wait_idle()?,
    }
    Ok(())
}

fn rounds(rng: &mut Rng, n: u32) -> u32 {
    let most = (WORK as u32 / n.max(1)).clamp(1, 3000);
    if rng.bool() { 1 } else { rng.u32(1..=most) }
}

fn mix(
    setting: &Setting,
    rng: &mut Rng,
    parts: &mut [Part<'_, '_>],
    picked: &[usize],
    inputs: &[(In<'_, u32>, &[u32], Range<usize>)],
) {
    let Ok([to, other]) = parts.get_disjoint_mut([picked[0], picked[1]]) else { return };
    // From what everybody reads, or from another part.
    let input = rng.choice(inputs).filter(|_| rng.bool());
    let (from, from_model, from_span) = match input {
        Some((input, model, span)) => (*input, *model, span.clone()),
        None => (other.lent.read(), &*other.model, other.span.clone()),
    };
    let (n, first, step) = step_over(rng, to.model.len(), from_model.len());
    let (seed, rounds) = (rng.u32(..), rounds(rng, n));
    setting.record.line("mix", || {
        format!(
            "{}+{} ({} bytes) from {from_span:x?}, n {n} first {first} step {step} rounds {rounds}",
            to.id,
            to.offset,
            to.span.len()
        )
    });
    let args = Mix { from, to: to.lent.update(), n, first, step, seed, rounds };
    if setting.accepted(setting.kernels.mix.launch(n, args), &[to.span.clone(), from_span]).is_some() {
        for i in 0..n {
            let at = first + step * i;
            let word = &mut to.model[at as usize];
            *word = mixed_often(*word, from_model[i as usize], at.wrapping_add(seed), rounds);
        }
    }
}

fn put(setting: &Setting, rng: &mut Rng, to: &mut Part<'_, '_>) {
    let (n, first, step) = step_over(rng, to.model.len(), usize::MAX);
    let (seed, rounds) = (rng.u32(..), rounds(rng, n));
    setting.record.line("put", || {
        format!("{}+{} ({} bytes), n {n} first {first} step {step} rounds {rounds}", to.id, to.offset, to.span.len())
    });
    let args = Put { to: to.lent.write(), n, first, step, seed, rounds };
    if setting.accepted(setting.kernels.put.launch(n, args), std::slice::from_ref(&to.span)).is_some() {
        for i in 0..n {
            let at = first + step * i;
            to.model[at as usize] = mixed_often(seed, i, at, rounds);
        }
    }
}

fn fold(setting: &Setting, rng: &mut Rng, parts: &mut [Part<'_, '_>], picked: &[usize]) {
    let Ok([to, from]) = parts.get_disjoint_mut([picked[0], picked[1]]) else { return };
    let n = rng.usize(1..=to.model.len().min(1000));
    let of = rng.usize(1..=from.model.len()).min(n * LOOP).min(2 * WORK);
    let seed = rng.u32(..);
    setting.record.line("fold", || {
        format!("{}+{} from {}+{} ({} bytes), n {n} of {of}", to.id, to.offset, from.id, from.offset, from.span.len())
    });
    let args = Fold { from: from.lent.read(), to: to.lent.write(), n: n as u32, of: of as u32, seed };
    if setting.accepted(setting.kernels.fold.launch(n as u32, args), &[to.span.clone(), from.span.clone()]).is_some() {
        for i in 0..n {
            let all = (i..of).step_by(n);
            to.model[i] = all.fold(seed, |x, at| mixed(x, from.model[at], at as u32));
        }
    }
}

/// The program looks at a part in the middle of everything, and changes it perhaps.
fn look(setting: &Setting, rng: &mut Rng, part: &mut Part<'_, '_>) -> vksvm::Result<()> {
    let range = super::host::part(rng, part.model.len(), 1 << 18);
    let at = part.offset + 4 * range.start;
    let change = rng.bool();
    setting.record.line("look", || format!("{}+{} words {range:?}, change {change}", part.id, part.offset));
    if change {
        let words = &mut part.lent.host_mut()?[range.clone()];
        super::piece::compare(part.id, at, cast_slice(words), cast_slice(&part.model[range.clone()]), "host_mut()");
        for (word, model) in words.iter_mut().zip(&mut part.model[range]) {
            *model = rng.u32(..);
            *word = *model;
        }
    } else {
        let words = &part.lent.host()?[range.clone()];
        super::piece::compare(part.id, at, cast_slice(words), cast_slice(&part.model[range]), "host()");
    }
    Ok(())
}
