//! Random programs: every way of the public API to use memory and launches, in random order.
//!
//! # Safety
//! `launch_reaching` is given pointers that the fake device does not follow.
#![allow(unsafe_code)]

use super::{
    checker,
    fake::{Fake, Fate, Habits, grid},
    open,
    shadow::Shadow,
};
use crate::kernels::{self, Add, Fill, Three, Walk};
use fastrand::Rng;
use std::{thread, time::Duration};
use vksvm::{
    Error, Kernel, Launch, Lent, Ptr, Reach, Running, Svm, SvmVec,
    seam::{Span, Use},
};

pub fn run(seed: u64, threads: u32, refuse: u32) {
    let mut rng = Rng::with_seed(seed);
    let habits = Habits { seed: rng.u64(..), refuse, eager: rng.u8(0..4) > 0 };
    let group = [1, 2, 3, 8, 64][rng.usize(0..5)];
    let spin = [Duration::ZERO, Duration::from_micros(50)][rng.usize(0..2)];
    let (svm, fake) = open(habits, group, spin);
    let kernels = Kernels {
        add: kernels::add(&svm),
        fill: kernels::fill(&svm),
        three: kernels::three(&svm),
        walk: kernels::walk(&svm),
    };
    let shared = svm.vec((0..16).map(|_| rng.u32(..)));
    thread::scope(|s| {
        for first in 0..threads {
            let rng = Rng::with_seed(rng.u64(..));
            let (svm, fake, kernels, shared) = (&svm, &*fake, &kernels, &*shared);
            let mut thread =
                Thread { svm, fake, kernels, rng, shadow: Shadow::default(), next: first * 20_000, refuse: refuse > 0 };
            s.spawn(move || thread.run(shared));
        }
    });
    drop((shared, kernels));
    drop(svm);
    // The last handle is gone, so everything has ended.
    let problems = checker::problems(&fake);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

struct Kernels {
    add: Kernel<Add<'static>>,
    fill: Kernel<Fill<'static>>,
    three: Kernel<Three<'static>>,
    walk: Kernel<Walk<'static>>,
}

/// One thread of a program.
struct Thread<'p> {
    svm: &'p Svm,
    fake: &'p Fake,
    kernels: &'p Kernels,
    rng: Rng,
    shadow: Shadow,
    next: u32,
    /// Whether submissions may be refused.
    refuse: bool,
}

/// A lent slice, and where it is.
struct Piece<'s> {
    lent: Lent<'s, u32>,
    span: Span,
}

/// Launches of a scope: numbers, and handles where there are any.
#[derive(Default)]
struct Issued {
    numbers: Vec<u32>,
    handles: Vec<(u32, Launch)>,
}

fn read(span: Span) -> Use {
    Use { span, write: false }
}

fn write(span: Span) -> Use {
    Use { span, write: true }
}

/// Elements that both have.
fn least(spans: &[Span]) -> u32 {
    spans.iter().map(|span| span.len() as u32 / 4).min().unwrap_or(0)
}

impl Thread<'_> {
    fn run(&mut self, shared: &[u32]) {
        self.shadow.wrote(shared);
        let mut pool: Vec<SvmVec<u32>> = (0..self.rng.usize(3..7)).map(|_| self.fresh()).collect();
        let mut owned = vec![];
        for _ in 0..self.rng.usize(2..6) {
            self.scope(&mut pool, shared, &mut owned);
            if self.rng.bool() {
                // Freed memory comes back for other things.
                let at = self.rng.usize(0..pool.len());
                pool[at] = self.fresh();
            }
        }
        while let Some(running) = owned.pop() {
            self.settle_owned(running);
        }
    }

    fn fresh(&mut self) -> SvmVec<u32> {
        let len = self.rng.usize(1..40);
        let fresh = self.svm.vec((0..len).map(|_| self.rng.u32(..)));
        self.shadow.wrote(&fresh);
        fresh
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn scope(&mut self, pool: &mut [SvmVec<u32>], shared: &[u32], owned: &mut Vec<Owned>) {
        let mut issued = Issued::default();
        let result = self.svm.scope(|s| {
            let mut pieces = vec![];
            for v in pool.iter_mut() {
                // Whole, or in parts that launches use as slices of their own.
                let part = if self.rng.bool() { v.len() } else { self.rng.usize(1..=v.len()) };
                for part in v.chunks_mut(part) {
                    let span = Span::of(&*part);
                    pieces.push(Piece { lent: s.lend(part), span });
                }
            }
            let shared_in = s.read(shared);
            for _ in 0..self.rng.usize(5..60) {
                match self.rng.u32(0..16) {
                    0..8 => self.launch(&mut pieces, &mut issued),
                    8 => {
                        let number = self.number();
                        let [to] = self.pick(&mut pieces);
                        let n = least(&[Span::of(shared), to.span]);
                        let uses = vec![read(Span::of(shared)), write(to.span)];
                        let add = Add { x: shared_in, y: to.lent.update(), n };
                        self.note(number, self.kernels.add.launch(grid(number), add), uses, &mut issued);
                    }
                    9 | 10 => self.look(&mut pieces),
                    11 => self.look_at_launch(&issued),
                    12 => self.nested(&mut pieces, &mut issued),
                    13 => self.crowd(&mut pieces, &mut issued),
                    14 => self.own(owned),
                    _ => {
                        let result = self.svm.wait_idle();
                        self.allow(&result);
                    }
                }
            }
            Ok(())
        });
        self.judge(result, &issued);
        for v in pool {
            self.shadow.check(self.fake, v, "after the scope");
        }
    }

    fn pick<'p, 's, const N: usize>(&mut self, pieces: &'p mut [Piece<'s>]) -> [&'p mut Piece<'s>; N] {
        let mut at: Vec<usize> = (0..pieces.len()).collect();
        self.rng.shuffle(&mut at);
        let at: [usize; N] = at[..N].try_into().expect("N of them");
        pieces.get_disjoint_mut(at).expect("a shuffle repeats nothing")
    }

    /// One launch on pieces.
    fn launch(&mut self, pieces: &mut [Piece<'_>], issued: &mut Issued) {
        let number = self.number();
        let [a, b, c] = self.pick(pieces);
        let all = [a.span, b.span, c.span];
        let (launch, uses) = match self.rng.u32(0..5) {
            0 => {
                let fill = Fill { to: a.lent.write(), n: least(&all[..1]), first: 0 };
                (self.kernels.fill.launch(grid(number), fill), vec![write(a.span)])
            }
            1 => {
                let three = Three { a: a.lent.read(), b: b.lent.read(), to: c.lent.update(), n: least(&all) };
                (self.kernels.three.launch(grid(number), three), vec![read(a.span), read(b.span), write(c.span)])
            }
            2 => {
                let reach = Reach::new().read(b.lent.read()).update(c.lent.update());
                let walk = Walk { head: Ptr::NULL, total: a.lent.write(), most: 0, reach };
                // SAFETY: the fake follows no pointer.
                let launch = unsafe { self.kernels.walk.launch_reaching(grid(number), walk) };
                (launch, vec![write(a.span), read(b.span), write(c.span)])
            }
            _ => {
                let add = Add { x: a.lent.read(), y: b.lent.update(), n: least(&all[..2]) };
                (self.kernels.add.launch(grid(number), add), vec![read(a.span), write(b.span)])
            }
        };
        self.note(number, launch, uses, issued);
    }

    fn note(&mut self, number: u32, launch: vksvm::Result<Launch>, uses: Vec<Use>, issued: &mut Issued) {
        match launch {
            Ok(launch) => {
                self.shadow.launched(number, uses);
                issued.numbers.push(number);
                issued.handles.push((number, launch));
            }
            Err(error) => {
                assert!(matches!(error, Error::OutOfDeviceMemory { .. }), "launch {number}: {error}");
                assert_eq!(self.fake.fate(number), Some(Fate::Refused), "launch {number}: {error}");
            }
        }
    }

    /// The host looks at a piece, and changes it perhaps.
    fn look(&mut self, pieces: &mut [Piece<'_>]) {
        let [piece] = self.pick(pieces);
        if self.rng.bool() {
            let words = piece.lent.host();
            self.allow(&words);
            words.into_iter().for_each(|words| self.shadow.check(self.fake, words, "host()"));
        } else {
            let words = piece.lent.host_mut();
            self.allow(&words);
            let Ok(words) = words else { return };
            self.shadow.check(self.fake, words, "host_mut()");
            words.iter_mut().for_each(|word| *word = self.rng.u32(..));
            self.shadow.wrote(words);
        }
    }

    fn look_at_launch(&mut self, issued: &Issued) {
        let Some((number, launch)) = self.rng.choice(&issued.handles) else { return };
        if self.rng.bool() {
            let done = launch.is_done();
            let fate = self.fake.fate(*number);
            let ended = matches!(fate, Some(Fate::Submitted { done: true } | Fate::Refused));
            assert!(ended || !done, "launch {number} is said to have ended, yet it is {fate:?}");
        } else {
            match (launch.wait(), self.fake.fate(*number)) {
                (Ok(()), Some(Fate::Submitted { done: true })) => {}
                (Err(Error::NotStarted { .. }), Some(Fate::Refused)) => {}
                other => panic!("waiting for launch {number}: {other:?}"),
            }
        }
    }

    /// A scope inside the scope, with memory of its own and pieces lent on.
    fn nested(&mut self, pieces: &mut [Piece<'_>], issued: &mut Issued) {
        let mut fresh = self.fresh();
        let own = Span::of(&*fresh);
        let (mut inner, mut own_only) = (Issued::default(), Issued::default());
        let result = self.svm.scope(|s| {
            let [a, b, c] = self.pick(pieces);
            let mut lent = s.lend(&mut fresh);
            let (first, second) = (self.number(), self.number());
            let add = Add { x: a.lent.read(), y: lent.update(), n: least(&[a.span, own]) };
            let launch = self.kernels.add.launch(grid(first), add);
            self.note(first, launch, vec![read(a.span), write(own)], &mut inner);
            let add = Add { x: lent.read(), y: b.lent.update(), n: least(&[own, b.span]) };
            let launch = self.kernels.add.launch(grid(second), add);
            self.note(second, launch, vec![read(own), write(b.span)], &mut inner);
            let host = c.lent.host_mut();
            self.allow(&host);
            if let Ok(host) = host {
                let mut again = s.lend(host);
                let third = self.number();
                let fill = Fill { to: again.write(), n: least(&[c.span]), first: 0 };
                let launch = self.kernels.fill.launch(grid(third), fill);
                // Lent by the inner scope alone: the outer one is not told of it.
                self.note(third, launch, vec![write(c.span)], &mut own_only);
                let words = again.host();
                self.allow(&words);
                words.into_iter().for_each(|words| self.shadow.check(self.fake, words, "lent on"));
            }
            Ok(())
        });
        own_only.numbers.extend(&inner.numbers);
        self.judge(result, &own_only);
        self.shadow.check(self.fake, &fresh, "the inner scope's own");
        issued.numbers.append(&mut inner.numbers);
        issued.handles.append(&mut inner.handles);
    }

    /// Two threads launch readers of one piece.
    fn crowd(&mut self, pieces: &mut [Piece<'_>], issued: &mut Issued) {
        let [a, b, c] = self.pick(pieces);
        let numbers = [self.number(), self.number()];
        let (from, kernel) = (&a.lent, &self.kernels.add);
        let outs = [(&mut b.lent, b.span), (&mut c.lent, c.span)];
        let launches = thread::scope(|t| {
            let threads = std::iter::zip(numbers, outs).map(|(number, (to, span))| {
                let n = least(&[a.span, span]);
                let uses = vec![read(a.span), write(span)];
                t.spawn(move || (number, kernel.launch(grid(number), Add { x: from.read(), y: to.update(), n }), uses))
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().expect("a launch does not panic")).collect::<Vec<_>>()
        });
        for (number, launch, uses) in launches {
            self.note(number, launch, uses, issued);
        }
    }

    fn own(&mut self, owned: &mut Vec<Owned>) {
        if owned.len() > 3
            && let Some(running) = owned.pop()
        {
            return self.settle_owned(running);
        }
        let (number, fresh) = (self.number(), self.fresh());
        let span = Span::of(&*fresh);
        let fill = &self.kernels.fill;
        match fill.launch_owned(grid(number), fresh, |s, v| Fill { n: v.len() as u32, to: s.write(v), first: 0 }) {
            Ok(running) => {
                self.shadow.launched(number, vec![write(span)]);
                owned.push(Owned { number, running });
            }
            Err(_) => assert_eq!(self.fake.fate(number), Some(Fate::Refused)),
        }
    }

    fn settle_owned(&mut self, Owned { number, running }: Owned) {
        match self.rng.u32(0..4) {
            // Freed when it has ended.
            0 => drop(running),
            1 if running.is_done() => {
                let fate = self.fake.fate(number);
                assert!(matches!(fate, Some(Fate::Submitted { done: true } | Fate::Refused)), "{fate:?}");
            }
            _ => {
                let (words, result) = running.finish();
                match (result, self.fake.fate(number)) {
                    (Ok(()), Some(Fate::Submitted { done: true })) => {}
                    (Err(Error::NotStarted { .. }), Some(Fate::Refused)) => {}
                    other => panic!("owned launch {number}: {other:?}"),
                }
                self.shadow.check(self.fake, &words, "owned");
            }
        }
    }

    /// A scope that ended: well if all of its launches ran, badly if one was refused.
    fn judge(&mut self, result: vksvm::Result<()>, issued: &Issued) {
        let fates: Vec<_> = issued.numbers.iter().map(|number| self.fake.fate(*number)).collect();
        let ended = |fate: &Option<Fate>| matches!(fate, Some(Fate::Submitted { done: true } | Fate::Refused));
        assert!(fates.iter().all(ended), "a scope ended before its launches: {fates:?}");
        match (result, fates.contains(&Some(Fate::Refused))) {
            (Ok(()), false) | (Err(Error::NotStarted { .. }), true) => {}
            (result, refused) => panic!("scope: {result:?}, though a launch was refused: {refused}"),
        }
    }

    /// Refused launches may come up wherever their memory is waited for.
    fn allow<T>(&self, result: &vksvm::Result<T>) {
        match result {
            Ok(_) => {}
            Err(Error::NotStarted { .. }) if self.refuse => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A launch that owns its buffer.
struct Owned {
    number: u32,
    running: Running<SvmVec<u32>>,
}
