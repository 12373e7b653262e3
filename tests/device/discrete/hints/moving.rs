//! What hints move, and what they keep from moving.
//!
//! # Safety
//! A kernel that follows pointers is launched with pointers to what it was lent.
#![allow(unsafe_code)]

use super::{BYTES, N, rig, with_the_device};
use crate::{
    discrete::{
        Mode,
        kernels::{Job, Jobs, Put, mixed},
        rig::{BUDGET, HEAP, Rig, WORDS, in_discrete_modes, in_modes, pattern},
    },
    harness::Ignored,
    variants::{refused, refused_saying},
};
use libtest_mimic::Trial;
use vksvm::{
    BLOCK, DeviceModel, Grid, PAGE, Policy, Ptr, Reach, SvmVec,
    hints::{AccessHint, Location, Temperature},
};

pub fn tests() -> Vec<Trial> {
    let both = in_modes![prefetches, discarded, pinned_to_the_host];
    let discrete = in_discrete_modes![
        read_mostly_keeps_both,
        prefetched_too_much,
        pinned_to_the_device,
        bouncing_pages_stay,
        reached_as_expected,
        the_least_recently_used_goes,
        device_models,
    ];
    both.into_iter().chain(discrete).collect()
}

fn prefetches(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let (svm, discrete) = (&rig.svm, mode.is_discrete());
    let (v, model) = with_the_device(&rig, 1);
    let before = rig.stats();
    let home = svm.prefetch(&v, Location::Host).expect("it is allocated");
    let done = home.wait().expect("nothing fails");
    assert!(home.is_done());
    assert_eq!((done.moved, done.there), if discrete { (BYTES, 0) } else { (0, BYTES) }, "{}", mode.name);
    let after = rig.stats();
    assert_eq!(after.bytes_to_host - before.bytes_to_host, done.moved, "{}", mode.name);
    rig.program_sees(&v, &model, "fetched home");
    assert_eq!(rig.stats().cpu_faults, before.cpu_faults, "{}: it was home", mode.name);

    let done = svm.prefetch(&v, Location::Device).expect("it is allocated").wait().expect("nothing fails");
    assert_eq!((done.moved + done.there, done.left), (BYTES, 0), "{}: {done:?}", mode.name);
    let before = rig.stats();
    rig.device_sees(&v, &model, "fetched to the device");
    let mut lists = rig.stats().bytes_to_device - before.bytes_to_device;
    // What it wrote to is not part of it.
    lists = lists.saturating_sub(PAGE as u64);
    assert_eq!(lists, 0, "{}: it was there", mode.name);
    rig.program_sees(&v, &model, "both have it");
    assert_eq!(
        rig.stats().cpu_faults - before.cpu_faults,
        u64::from(discrete && rig.stats().cpu_faults > before.cpu_faults)
    );
    Ok(())
}

fn prefetched_too_much(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let words = 3 * BUDGET as usize / 4;
    let mut model = pattern(5, words);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    let done = rig.svm.prefetch(&v, Location::Device).expect("it is allocated").wait().expect("nothing fails");
    assert_eq!(done.moved + done.there + done.left, 4 * words as u64, "{}: {done:?}", mode.name);
    let there = rig.svm.residency(&v).expect("it is allocated");
    assert!(there.device + there.both <= BUDGET && there.both > 0, "{}: {there:?}", mode.name);
    assert!(rig.stats().device_peak_bytes <= BUDGET, "{}: {:?}", mode.name, rig.stats());
    rig.program_sees(&v, &model, "prefetched beyond the budget");
    for part in [0, 2] {
        let some = part * BUDGET as usize / 4..(part + 1) * BUDGET as usize / 4 - WORDS;
        rig.put(&mut v[some.clone()], &mut model[some], [1, 3], 9);
    }
    rig.program_sees(&v, &model, "and used in parts");
    Ok(())
}

/// What is discarded is not copied back, what lies beside it is kept, and it can be used again.
fn discarded(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let (svm, discrete) = (&rig.svm, mode.is_discrete());
    let (mut v, mut model) = with_the_device(&rig, 1);
    // From the middle of the first page to the middle of the last.
    let (first, last) = (WORDS / 2, N - WORDS / 2);
    let whole = (BYTES - 2 * PAGE as u64) / PAGE as u64;
    let done = svm.discard(&mut v[first..last]).expect("it is allocated");
    assert_eq!(done.bytes, if discrete { whole * PAGE as u64 } else { 0 }, "{}", mode.name);
    let before = rig.stats().bytes_to_host;
    svm.evict_idle().expect("nothing fails");
    let copied = rig.stats().bytes_to_host - before;
    assert_eq!(copied, if discrete { 2 * PAGE as u64 } else { 0 }, "{}: discarded pages came home", mode.name);
    rig.program_sees(&v[..first], &model[..first], "before what was discarded");
    rig.program_sees(&v[last..], &model[last..], "behind it");
    for round in 0..3 {
        let fresh = pattern(40 + round, N);
        v.copy_from_slice(&fresh);
        model.copy_from_slice(&fresh);
        rig.put(&mut v, &mut model, [round, 5], round);
        if round == 1 {
            svm.discard(&mut v[..]).expect("it is allocated");
            continue;
        }
        rig.device_sees(&v, &model, "written again");
        rig.program_sees(&v, &model, "written again");
    }
    Ok(())
}

/// No launch moves it, so that what passes by the CPU's page tables may use it.
fn pinned_to_the_host(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let (svm, discrete) = (&rig.svm, mode.is_discrete());
    let (mut v, mut model) = with_the_device(&rig, 1);
    svm.pin(&v, Location::Host).expect("nothing fails");
    let pages = || svm.snapshot(&v).expect("it is allocated");
    assert!(pages().iter().all(|page| page.cpu_writes && !page.on_device), "{}", mode.name);
    assert!(pages().iter().all(|page| page.pinned == discrete.then_some(Location::Host)), "{}", mode.name);
    let done = svm.prefetch(&v, Location::Device).expect("it is allocated").wait().expect("nothing fails");
    assert_eq!(if discrete { done.left } else { done.there }, BYTES, "{}", mode.name);
    let before = rig.stats();
    if mode.in_place {
        rig.put(&mut v, &mut model, [1, 3], 2);
        rig.device_sees(&v, &model, "pinned to the host");
        let moved = rig.stats().bytes_to_device - before.bytes_to_device;
        assert!(moved <= PAGE as u64, "{}: {moved} bytes were moved, the lists have a page", mode.name);
    } else {
        let launched = svm.scope(|s| {
            let args = Put { to: s.write(&mut v), n: 10, first: 0, step: 1, seed: 5, rounds: 1 };
            rig.kernels.put.launch(10u32, args).map(drop)
        });
        let message = refused(launched, "PinnedToHost");
        assert!(message.contains(&BYTES.to_string()), "{message}");
    }
    rig.program_sees(&v, &model, "pinned to the host");
    svm.unpin(&v).expect("a hint");
    rig.put(&mut v, &mut model, [0, 2], 3);
    rig.program_sees(&v, &model, "after that");
    Ok(())
}

/// It does not leave for others; more than half of the budget cannot be had so.
fn pinned_to_the_device(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let svm = &rig.svm;
    let (v, model) = with_the_device(&rig, 1);
    svm.pin(&v, Location::Device).expect("an eighth of the budget");
    svm.pin(&v, Location::Device).expect("again, which changes nothing");
    let mut more: Vec<SvmVec<u32>> = (0..12).map(|seed| svm.vec(pattern(seed, N))).collect();
    let mut models: Vec<Vec<u32>> = (0..12).map(|seed| pattern(seed, N)).collect();
    for round in 0..3 {
        for (v, model) in more.iter_mut().zip(&mut models) {
            rig.put(v, model, [round, 4], round);
        }
    }
    let there = svm.residency(&v).expect("it is allocated");
    assert_eq!(there.device + there.both, BYTES, "{}: a pinned page left: {there:?}", mode.name);
    let large = svm.zeroed::<u32>(BUDGET as usize / 8);
    refused_saying(
        svm.pin(&large, Location::Device),
        "PinnedTooMuch",
        &[&BYTES.to_string(), &BUDGET.to_string(), "unpin"],
    );
    rig.program_sees(&v, &model, "pinned to the device");
    more.iter().zip(&models).for_each(|(v, model)| rig.program_sees(v, model, "the others"));
    // Freed memory is not pinned.
    drop(v);
    svm.pin(&large, Location::Device).expect("half of the budget");
    Ok(())
}

/// The CPU's reads leave the device its copy, so that the next launch needs none; a write by either ends that.
fn read_mostly_keeps_both(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let svm = &rig.svm;
    let (mut v, mut model) = with_the_device(&rig, 1);
    svm.advise_read_mostly(&v).expect("a hint");
    rig.program_sees(&v, &model, "read by both");
    let shared = svm.residency(&v).expect("it is allocated");
    if shared.both == 0 {
        return Err(Ignored(format!("{}: a reader cannot be kept from writing here", mode.name)));
    }
    assert_eq!(shared.both, BYTES, "{}: {shared:?}", mode.name);
    let before = rig.stats();
    for _ in 0..3 {
        rig.device_sees(&v, &model, "read by both");
        rig.program_sees(&v, &model, "read by both");
    }
    let after = rig.stats();
    let lists = 3 * PAGE as u64;
    assert!(after.bytes_to_device - before.bytes_to_device <= lists, "{}: it was copied again", mode.name);
    assert!(after.bytes_to_host - before.bytes_to_host <= lists, "{}: it was copied again", mode.name);
    // A write by the CPU.
    (v[5], model[5]) = (77, 77);
    rig.device_sees(&v, &model, "written by the CPU");
    // And one by a launch.
    rig.put(&mut v, &mut model, [0, 7], 3);
    assert_eq!(svm.residency(&v).expect("it is allocated").device, BYTES, "{}", mode.name);
    rig.program_sees(&v, &model, "written by a launch");
    Ok(())
}

/// A page that goes back and forth stays with the host for a while, where launches may use it there.
fn bouncing_pages_stay(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).detect_untranslated(false))?;
    let mut model = pattern(1, WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for round in 0..2000 {
        rig.put(&mut v, &mut model, [round % 3, 3], round);
        rig.program_sees(&v[..4], &model[..4], "going back and forth");
        (v[1], model[1]) = (round, round);
    }
    let moved = rig.stats().bytes_to_device / PAGE as u64;
    if mode.in_place {
        assert!(moved < 1800, "{}: moved {moved} times", mode.name);
    } else {
        assert!(moved >= 2000, "{}: moved {moved} times, and it must be", mode.name);
    }
    rig.program_sees(&v, &model, "at the end");
    Ok(())
}

/// What a launch says of the parts that it reaches decides where it finds them.
fn reached_as_expected(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let from: SvmVec<u32> = rig.svm.vec(pattern(3, N));
    let mut to = rig.svm.zeroed::<u32>(N);
    let (words, seed) = (N as u32, 5);
    let job = Job { from: Ptr::to(&from[0]), to: Ptr::to(&to[0]), words, seed };
    let jobs = rig.svm.vec([job]);
    rig.svm
        .scope(|s| {
            let reach = Reach::new()
                .read(s.read(&from))
                .expecting(AccessHint::cold())
                .update(s.update(&mut to))
                .expecting(AccessHint::hot());
            let args = Jobs { jobs: s.read(&jobs), n: 1, reach };
            // SAFETY: the job's pointers lead to the two slices that are reached, `words` elements each, as declared.
            unsafe { rig.kernels.jobs.launch_reaching(Grid::groups([1, 1, 1]), args) }.map(drop)
        })
        .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
    let [cold, hot] = [rig.svm.residency(&from), rig.svm.residency(&to)].map(|asked| asked.expect("it is allocated"));
    assert_eq!(hot.device, BYTES, "{}: {hot:?}", mode.name);
    assert_eq!(cold.both, if mode.in_place { 0 } else { BYTES }, "{}: {cold:?}", mode.name);
    assert!(rig.svm.snapshot(&from).expect("it is allocated").iter().all(|page| page.temperature == Temperature::Cold));
    for (i, word) in to.iter().enumerate() {
        assert_eq!(*word, mixed(0, from[i], i as u32 + seed), "{}: word {i}", mode.name);
    }
    Ok(())
}

/// `Policy::Lru` moves everything, and what was not used for the longest time makes room.
fn the_least_recently_used_goes(mode: &'static Mode) -> Result<(), Ignored> {
    let builder = mode.builder(HEAP, BUDGET).detect_untranslated(false).policy(Policy::Lru);
    let rig = Rig::of(mode, builder)?;
    // Five blocks, and room for two.
    let words = BLOCK / 4;
    let mut model = pattern(1, 6 * words);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    let first = v.as_ptr().addr().next_multiple_of(BLOCK).abs_diff(v.as_ptr().addr()) / 4;
    let block = |i: usize| first + i * words..first + (i + 1) * words;
    for i in [0, 1, 0, 2, 0, 3, 0, 4] {
        rig.put(&mut v[block(i)], &mut model[block(i)], [0, 2], i as u32);
    }
    let there = [0, 1, 2, 3, 4].map(|i| {
        let asked = rig.svm.residency(&v[block(i)]).expect("it is allocated");
        // What is about to go may have been copied home already.
        asked.device + asked.both
    });
    assert_eq!(there, [BLOCK as u64, 0, 0, 0, BLOCK as u64], "{}", mode.name);
    assert!(rig.svm.capabilities().reasons.iter().any(|why| why.starts_with("policy lru")));
    rig.program_sees(&v, &model, "at the end");
    Ok(())
}

/// Whatever a device is taken to cost, the same is computed; and a program is told what it is taken for.
fn device_models(mode: &'static Mode) -> Result<(), Ignored> {
    for model in [DeviceModel::Auto, DeviceModel::Measured, DeviceModel::Pcie3, DeviceModel::Pcie4] {
        let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).device_model(model))?;
        let known = match model {
            DeviceModel::Auto if rig.svm.capabilities().is_cpu => DeviceModel::Pcie4,
            DeviceModel::Auto => DeviceModel::Measured,
            model => model,
        };
        let says = format!("policy auto: device model {}", known.name());
        assert!(rig.svm.capabilities().reasons.iter().any(|why| why.starts_with(&says)), "{}: {says}", mode.name);
        let (mut v, mut model) = with_the_device(&rig, 1);
        for round in 0..3 {
            rig.put(&mut v, &mut model, [round, 5], round);
            rig.device_sees(&v, &model, known.name());
        }
        rig.program_sees(&v, &model, known.name());
    }
    Ok(())
}
