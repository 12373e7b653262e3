//! Hints: what they change, what can be asked, and that they never change what anybody reads.

mod moving;

use super::{
    Mode,
    rig::{BUDGET, HEAP, Rig, WORDS, in_modes, pattern},
};
use crate::{
    harness::Ignored,
    variants::{refused, refused_saying},
};
use fastrand::Rng;
use libtest_mimic::Trial;
use vksvm::{
    PAGE, SvmVec,
    hints::{AccessHint, Hints, Location, Region, Temperature},
};

pub fn tests() -> Vec<Trial> {
    let said = in_modes![said_and_asked, about_nothing, contradictions, wrong_hints_change_nothing];
    said.into_iter().chain(moving::tests()).collect()
}

/// Words of a buffer of whole pages.
const N: usize = 8 * WORDS;

/// Bytes in them.
const BYTES: u64 = 4 * N as u64;

/// Pages are taken from the CPU only where they must be, so that faults can be counted.
fn rig(mode: &'static Mode) -> Result<Rig, Ignored> {
    Rig::of(mode, mode.builder(HEAP, BUDGET).detect_untranslated(false))
}

/// A buffer that only the device has, where there is a difference.
fn with_the_device(rig: &Rig, seed: u32) -> (SvmVec<u32>, Vec<u32>) {
    let mut model = pattern(seed, N);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    rig.svm.prefer_location(&v, Location::Device).expect("a hint");
    rig.put(&mut v, &mut model, [0, 3], seed);
    (v, model)
}

fn said_and_asked(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let (svm, discrete) = (&rig.svm, mode.is_discrete());
    let (v, model) = with_the_device(&rig, 1);
    let faults = rig.stats().cpu_faults;
    let asked = svm.residency(&v).expect("it is allocated");
    assert_eq!(asked.device, if discrete { BYTES } else { 0 }, "{}: {asked:?}", mode.name);
    assert_eq!(asked.host, BYTES - asked.device, "{}: {asked:?}", mode.name);
    assert_eq!((asked.both, asked.in_use), (0, 0), "{}: {asked:?}", mode.name);
    svm.access_hint(&v[..WORDS], AccessHint::hot().reads(2)).expect("a hint");
    svm.accessed_by(&v[WORDS..], Location::Device).expect("a hint");
    svm.advise_read_mostly(&v[..WORDS]).expect("a hint");
    let pages = svm.snapshot(&v).expect("it is allocated");
    assert_eq!(pages.len(), N / WORDS);
    assert_eq!(pages[0].address, v.as_ptr() as u64);
    for (i, page) in pages.iter().enumerate() {
        let lent = (page.on_device, page.on_host, page.cpu_reads, page.cpu_writes);
        assert_eq!(lent, (discrete, !discrete, !discrete, !discrete), "{}: {page:?}", mode.name);
        let first = discrete && i == 0;
        assert_eq!((page.read_mostly, page.temperature == Temperature::Hot), (first, first), "{}: {page:?}", mode.name);
        assert_eq!(page.accessed_by_device, discrete && i > 0, "{}: {page:?}", mode.name);
        assert_eq!(page.prefers, discrete.then_some(Location::Device), "{}: {page:?}", mode.name);
        assert!(!discrete || page.heat > 0.0, "{}: {page:?}", mode.name);
    }
    svm.unadvise_read_mostly(&v).expect("a hint");
    svm.clear_access_hint(&v).expect("a hint");
    svm.not_accessed_by(&v, Location::Device).expect("a hint");
    svm.unprefer_location(&v).expect("a hint");
    for page in svm.snapshot(&v).expect("it is allocated") {
        let said = (page.read_mostly, page.temperature, page.accessed_by_device, page.prefers);
        assert_eq!(said, (false, Temperature::Warm, false, None), "{}", mode.name);
    }
    assert_eq!(rig.stats().cpu_faults, faults, "{}: asking and hinting touched pages", mode.name);
    rig.program_sees(&v, &model, "after hints");
    let asked = svm.residency(&v).expect("it is allocated");
    assert_eq!(asked.host + asked.both, BYTES, "{}: the program has read it: {asked:?}", mode.name);

    // Defaults hold from the start, and end with the allocation.
    let hints = Hints::new().read_mostly().prefer(Location::Host).access(AccessHint::cold());
    let hinted = svm.hinted(hints).zeroed::<u32>(N).expect("there is room");
    for page in svm.snapshot(&hinted).expect("it is allocated").iter().filter(|_| discrete) {
        assert!(page.read_mostly && page.prefers == Some(Location::Host), "{page:?}");
        assert_eq!(page.temperature, Temperature::Cold);
    }
    let address = hinted.as_ptr();
    drop(hinted);
    let again = svm.zeroed::<u32>(N);
    assert_eq!(again.as_ptr(), address, "best fit takes the same pages");
    assert!(
        svm.snapshot(&again).expect("it is allocated").iter().all(|page| !page.read_mostly && page.prefers.is_none())
    );
    Ok(())
}

/// Hints outside allocations, on freed memory, on nothing.
fn about_nothing(mode: &'static Mode) -> Result<(), Ignored> {
    let (rig, other) = (rig(mode)?, rig(mode)?);
    let svm = &rig.svm;
    let v = svm.zeroed::<u32>(N);
    refused_saying(svm.advise_read_mostly(&v[..0]), "EmptyHint", &["advise_read_mostly", "empty"]);
    refused(svm.prefetch(&v[3..3], Location::Device).map(drop), "EmptyHint");
    refused(svm.discard(&mut svm.zeroed::<u32>(0)[..]).map(drop), "EmptyHint");
    let ordinary = vec![0u32; N];
    refused_saying(svm.prefer_location(&ordinary[..], Location::Host), "HintOutside", &["prefer_location", "svm.vec"]);
    refused(svm.pin(&ordinary[..], Location::Host), "HintOutside");
    let theirs = other.svm.zeroed::<u32>(N);
    refused_saying(svm.accessed_by(&theirs, Location::Device), "HintOutside", &["accessed_by", "another vksvm heap"]);
    // Half of it in the heap, half beyond the allocation.
    let beyond = std::ptr::slice_from_raw_parts(v.as_ptr(), N + HEAP as usize / 8);
    refused(svm.access_hint(beyond, AccessHint::hot()), "HintOutside");
    refused(svm.access_hint(std::ptr::slice_from_raw_parts(v.as_ptr(), 2 * N), AccessHint::hot()), "HintOutside");
    let freed: Region = (&v).into();
    drop(v);
    refused_saying(svm.advise_read_mostly(freed), "HintOutside", &["freed"]);
    refused(svm.prefetch(freed, Location::Device).map(drop), "HintOutside");
    refused(svm.residency(freed).map(drop), "HintOutside");
    refused(svm.snapshot(freed).map(drop), "HintOutside");
    refused(svm.unpin(freed), "HintOutside");
    Ok(())
}

/// The last one holds, and the result says what it replaced.
fn contradictions(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = rig(mode)?;
    let (svm, discrete) = (&rig.svm, mode.is_discrete());
    let v = svm.zeroed::<u32>(N);
    let page = PAGE as u64;
    let one = svm.prefer_location(&v[..2 * WORDS], Location::Host).expect("a hint");
    assert_eq!((one.bytes, one.contradicted), (2 * page, 0));
    // Rounded outward: half a page is a page.
    let two = svm.prefer_location(&v[WORDS + WORDS / 2..3 * WORDS], Location::Device).expect("a hint");
    assert_eq!((two.bytes, two.contradicted), (2 * page, if discrete { page } else { 0 }));
    let says: Vec<_> = svm.snapshot(&v).expect("it is allocated").iter().map(|page| page.prefers).collect();
    if discrete {
        assert_eq!(says[..4], [Some(Location::Host), Some(Location::Device), Some(Location::Device), None]);
    }
    svm.access_hint(&v, AccessHint::hot()).expect("a hint");
    let cold = svm.access_hint(&v, AccessHint::cold()).expect("a hint");
    assert_eq!(cold.contradicted, if discrete { BYTES } else { 0 });
    svm.pin(&v[..WORDS], Location::Host).expect("it is at home");
    let pinned = svm.pin(&v[..WORDS], Location::Device).expect("a page of it");
    assert_eq!(pinned.contradicted, if discrete { page } else { 0 });
    svm.unpin(&v).expect("a hint");
    Ok(())
}

/// Any hints, at any time, from another thread, too: nobody reads anything else.
fn wrong_hints_change_nothing(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut all: Vec<SvmVec<u32>> = (0..10).map(|seed| rig.svm.vec(pattern(seed, N))).collect();
    let mut models: Vec<Vec<u32>> = (0..10).map(|seed| pattern(seed, N)).collect();
    let regions: Vec<Region> = all.iter().map(Region::from).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|t| {
        t.spawn(|| {
            let mut rng = Rng::with_seed(7);
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                hint(&rig, regions[rng.usize(..regions.len())], &mut rng);
            }
        });
        let _stop = super::rig::Stop(&stop);
        let mut rng = Rng::with_seed(11);
        for round in 0..250 {
            let i = rng.usize(..all.len());
            match rng.u8(..4) {
                0 => rig.device_sees(&all[i], &models[i], "under hints"),
                1 => rig.program_sees(&all[i], &models[i], "under hints"),
                2 => (all[i][round], models[i][round]) = (round as u32, round as u32),
                _ => rig.put(&mut all[i], &mut models[i], [round as u32 % 5, 7], round as u32),
            }
        }
    });
    all.iter().zip(&models).for_each(|(v, model)| rig.program_sees(v, model, "at the end"));
    Ok(())
}

/// Some hint, other than pins to the host, with which launches would be refused where nothing is used in place.
fn hint(rig: &Rig, region: Region, rng: &mut Rng) {
    let side = if rng.bool() { Location::Host } else { Location::Device };
    let svm = &rig.svm;
    let done = match rng.u8(..12) {
        0 => svm.advise_read_mostly(region).map(drop),
        1 => svm.unadvise_read_mostly(region).map(drop),
        2 => svm.prefer_location(region, side).map(drop),
        3 => svm.unprefer_location(region).map(drop),
        4 => svm.accessed_by(region, side).map(drop),
        5 => svm.not_accessed_by(region, side).map(drop),
        6 => {
            svm.access_hint(region, if rng.bool() { AccessHint::hot().reads(9) } else { AccessHint::cold() }).map(drop)
        }
        7 => svm.clear_access_hint(region).map(drop),
        8 => svm.prefetch(region, side).and_then(|asked| asked.wait()).map(drop),
        9 => svm.prefetch(region, side).map(drop),
        10 if rig.mode.in_place || side == Location::Device => match svm.pin(region, side) {
            Err(vksvm::Error::PinnedTooMuch { .. }) => Ok(()),
            other => other.map(drop),
        },
        _ => svm.unpin(region).map(drop),
    };
    done.unwrap_or_else(|error| panic!("{}: {error}", rig.mode.name));
}
