//! Each Vulkan call of device memory, made to fail: an error of the right kind, nothing half made, and the next try works.

use super::pages::{Kernels, Pages, Run, copy_in, copy_out};
use crate::{
    failures::{RESULTS, counted, is_of, list},
    harness::tests,
};
use std::sync::Arc;
use vksvm::{
    PAGE, Result,
    seam::{Call, Failures, Opened, OpenedMemory, VkResult, Way},
};

tests![
    each_call_fails_once_while_memory_is_made,
    each_call_fails_once_while_copying,
    a_chunk_that_cannot_be_had_harms_nothing,
    waits_that_fail_for_good,
];

const CHUNK: u32 = ((64 << 20) / PAGE) as u32;

fn open(failures: &Arc<Failures>) -> Opened {
    Opened::with(failures).expect("open")
}

fn make(opened: &Opened, way: Way) -> Result<OpenedMemory> {
    let memory = opened.memory(64, way)?;
    assert_eq!(memory.grow()?, Some(0..64));
    Ok(memory)
}

fn each_call_fails_once_while_memory_is_made() {
    for way in [Way::Mapped, Way::Staged] {
        let dry = Failures::new();
        let opened = open(&dry);
        let counts = counted(&dry, || drop(make(&opened, way).expect("memory")));
        let mut injected = 0;
        for (call, count) in counts.values() {
            for (at, result) in (0..*count).flat_map(|at| RESULTS.map(|result| (at, result))) {
                dry.fail(*call, at, 1, result);
                let error = make(&opened, way).map(drop).expect_err(call.name());
                assert!(is_of(&error, *call, result), "{way:?}: {} {at} {result:?}: {error}", call.name());
                injected += 1;
            }
        }
        println!("  {injected} failures while {way:?} memory is made: {}", list(&counts));
        let expected = if way == Way::Mapped { 5 } else { 7 + 2 + 4 };
        assert!(injected >= 3 * expected, "{injected}");
        make(&opened, way).map(drop).expect("afterwards");
    }
}

/// Copies in, a launch, copies out, over two lanes; checks that an error is of that kind, and the content where there is none.
fn round(memory: &OpenedMemory, kernels: &Kernels, seed: u64) -> Result<()> {
    const PAGES: usize = 300;
    let runs: [Run; 2] = [(0, 5, 200), (200, 210, 100)];
    let host = Pages::noise(PAGES, seed);
    copy_in(memory, &host, &runs)?;
    kernels.wait(kernels.fill(memory.address(4), 16, 9)?)?;
    let mut back = Pages::new(PAGES);
    copy_out(memory, &mut back, &runs)?;
    assert!(back.bytes() == host.bytes(), "what came out is not what went in");
    Ok(())
}

fn each_call_fails_once_while_copying() {
    let failures = Failures::new();
    let opened = open(&failures);
    let kernels = Kernels::load(&opened).expect("kernels");
    let memory = opened.memory(CHUNK, Way::Staged).expect("memory");
    memory.grow().expect("grow");
    round(&memory, &kernels, 1).expect("first");
    let counts = counted(&failures, || round(&memory, &kernels, 2).expect("dry"));
    let mut injected = 0;
    for (call, count) in counts.values() {
        for (at, result) in (0..*count).flat_map(|at| RESULTS.map(|result| (at, result))) {
            // The launch queue keeps a loss in mind, and then launches nothing more.
            let (queue, of_launch);
            let kernels = if result == VkResult::ERROR_DEVICE_LOST {
                of_launch = Kernels::load(&opened).expect("kernels");
                queue = &of_launch;
                queue
            } else {
                &kernels
            };
            let before = failures.failed();
            failures.fail(*call, at, 1, result);
            let told = round(&memory, kernels, 3);
            let met = failures.failed() > before;
            failures.clear();
            match told {
                // How often a launch's timeline is read depends on who is faster.
                Ok(()) => assert!(!met || *call == Call::GetSemaphoreCounterValue, "{} {at}: no error", call.name()),
                Err(error) => assert!(is_of(&error, *call, result), "{} {at} {result:?}: {error}", call.name()),
            }
            injected += u64::from(met);
            if result != VkResult::ERROR_DEVICE_LOST {
                round(&memory, kernels, 4).unwrap_or_else(|error| panic!("after {} {at}: {error}", call.name()));
            }
        }
    }
    println!("  {injected} failures while copying: {}", list(&counts));
    assert!(injected >= 3 * 20, "{injected}");
    round(&memory, &kernels, 5).expect("at the end");
}

fn a_chunk_that_cannot_be_had_harms_nothing() {
    for way in [Way::Mapped, Way::Staged] {
        let failures = Failures::new();
        let opened = open(&failures);
        let memory = opened.memory(2 * CHUNK, way).expect("memory");
        assert_eq!(memory.grow(), Ok(Some(0..CHUNK)));
        let host = Pages::noise(8, 2);
        copy_in(&memory, &host, &[(0, CHUNK - 8, 8)]).expect("in");
        let address = memory.address(CHUNK - 1);
        failures.fail(Call::AllocateMemory, 0, 3, VkResult::ERROR_OUT_OF_DEVICE_MEMORY);
        for _ in 0..3 {
            let error = memory.grow().expect_err("no memory");
            assert!(is_of(&error, Call::AllocateMemory, VkResult::ERROR_OUT_OF_DEVICE_MEMORY), "{error}");
        }
        assert_eq!(memory.address(CHUNK - 1), address);
        let mut back = Pages::new(8);
        copy_out(&memory, &mut back, &[(0, CHUNK - 8, 8)]).expect("out");
        assert!(back.bytes() == host.bytes());
        assert_eq!(memory.grow(), Ok(Some(CHUNK..2 * CHUNK)), "memory was had again");
        copy_in(&memory, &host, &[(0, CHUNK, 8)]).expect("in");
    }
}

/// No copy may run on when its caller has been told that it failed: the caller gives the pages away.
fn waits_that_fail_for_good() {
    let failures = Failures::new();
    let opened = open(&failures);
    let memory = opened.memory(CHUNK, Way::Staged).expect("memory");
    memory.grow().expect("grow");
    let (first, second) = (Pages::noise(CHUNK as usize, 1), Pages::noise(CHUNK as usize, 2));
    for result in RESULTS {
        failures.fail(Call::WaitSemaphores, 0, u64::MAX, result);
        let error = copy_in(&memory, &first, &[(0, 0, CHUNK)]).expect_err("no wait succeeds");
        assert!(is_of(&error, Call::WaitSemaphores, result), "{error}");
        failures.clear();
        copy_in(&memory, &second, &[(0, 0, CHUNK)]).expect("in");
        let mut back = Pages::new(CHUNK as usize);
        copy_out(&memory, &mut back, &[(0, 0, CHUNK)]).expect("out");
        assert!(back.bytes() == second.bytes(), "a copy that had failed came later");
    }
}
