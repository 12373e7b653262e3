//! Every Vulkan call that can fail, made to fail: what comes of it is an error of the right kind, and nothing is lost.
//!
//! A whole life of an `Svm` ([`Life`]) runs with one call failing once, for each call, each occurrence and each of
//! three results. What the program was told is then compared with what memory holds.
//!
//! # Safety
//! The gate's launch reaches one word of a buffer that outlives its scope.
#![allow(unsafe_code)]

use crate::{
    harness::{Ignored, needs_cpu_device, tests},
    kernels::{self, Add, Tick},
    launch::gate::Gate,
    log,
    variants::{refused, saw},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use vksvm::{
    Error, Kernel, Launch, Placement, Result, Svm, SvmBuilder, SvmVec, Translation,
    seam::{Call, Failures, VkResult},
};

tests![
    each_call_fails_once_while_opening,
    each_call_fails_once_while_launching,
    calls_that_fail_for_good,
    a_lost_device_stays_lost_and_data_stays_readable,
    launches_of_one_scope_do_not_fail_another,
];

pub const RESULTS: [VkResult; 3] =
    [VkResult::ERROR_OUT_OF_HOST_MEMORY, VkResult::ERROR_OUT_OF_DEVICE_MEMORY, VkResult::ERROR_DEVICE_LOST];

/// The calls that the queue makes.
const QUEUE: [Call; 6] = [
    Call::AllocateCommandBuffers,
    Call::BeginCommandBuffer,
    Call::EndCommandBuffer,
    Call::QueueSubmit,
    Call::WaitSemaphores,
    Call::GetSemaphoreCounterValue,
];

/// Launches in the group.
const GROUPED: usize = 100;

/// The error is the one that the planned failure gives, or a launch that failed because of it.
pub fn is_of(error: &Error, call: Call, result: VkResult) -> bool {
    match (error, result) {
        (Error::NotStarted { cause }, _) => is_of(cause, call, result),
        (Error::OutOfHostMemory { call: name }, VkResult::ERROR_OUT_OF_HOST_MEMORY)
        | (Error::OutOfDeviceMemory { call: name }, VkResult::ERROR_OUT_OF_DEVICE_MEMORY)
        | (Error::DeviceLost { call: name }, VkResult::ERROR_DEVICE_LOST) => *name == call.name(),
        _ => false,
    }
}

fn open(failures: &Arc<Failures>) -> Result<Svm> {
    builder(failures).open()
}

fn builder(failures: &Arc<Failures>) -> SvmBuilder {
    // Without polling the number of calls does not depend on the machine's speed.
    Svm::builder()
        .placement(Placement::Unified)
        .heap_size(64 << 20)
        .segment_size(2 << 20)
        .spin(Duration::ZERO)
        .failures(failures)
}

struct Kernels {
    add: Kernel<Add<'static>>,
    tick: Kernel<Tick<'static>>,
    gate: Kernel<kernels::Gate<'static>>,
}

impl Kernels {
    fn load(svm: &Svm) -> Result<Self> {
        Ok(Kernels { add: kernels::try_add(svm)?, tick: kernels::try_tick(svm)?, gate: kernels::try_gate(svm)? })
    }
}

/// What one life of a program met.
#[derive(Default)]
struct Life {
    errors: Vec<Error>,
}

impl Life {
    /// Launches, waits, frees. `Ok` where nothing failed; memory is checked either way.
    fn launches(&mut self, svm: &Svm, kernels: &Kernels) {
        let kept: SvmVec<u32> = svm.vec(0..1000);
        self.grouped(svm, kernels);
        self.shared(svm, kernels);
        self.timed(svm, kernels, &kept);
        self.owned(svm, kernels, &kept);
        assert!(kept.iter().copied().eq(0..1000), "memory that launches only read");
    }

    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// Many launches behind a gate: a counter that all share, and a word for each.
    fn grouped(&mut self, svm: &Svm, kernels: &Kernels) {
        let (mut count, mut marks) = (svm.vec([0u32]), svm.zeroed::<u32>(GROUPED));
        let mut launched: Vec<Result<Launch>> = vec![];
        let gate = Gate::brief(svm);
        let mut passed = svm.vec([0u32]);
        let scope = svm.scope(|s| {
            let opener = gate.opener();
            let first = gate.launch(&kernels.gate, s.update(&mut passed));
            let mut count = s.lend(&mut count);
            for (value, mark) in (1..).zip(marks.chunks_mut(1)) {
                let tick = Tick { count: count.update(), mark: s.write(mark), value };
                launched.push(kernels.tick.launch(1u32, tick));
            }
            drop(opener);
            let sum = count.host().map(|count| count[0]);
            first.and(sum)
        });
        let told: Vec<Option<bool>> = launched.iter().map(|launch| self.fate(launch)).collect();
        for (at, told) in told.iter().enumerate() {
            let mark = (marks[at] != 0).then_some(marks[at]);
            assert!(mark.is_none() || mark == Some(at as u32 + 1), "mark {at} is {mark:?}");
            if let Some(ran) = told {
                assert_eq!(mark.is_some(), *ran, "launch {at}: {:?}", launched[at]);
            }
        }
        let ran = marks.iter().filter(|mark| **mark != 0).count() as u32;
        assert_eq!(count[0], ran, "each launch that ran counted once: {:?}", self.errors);
        if let Some(sum) = self.note(scope) {
            let issued = launched.iter().filter(|launch| launch.is_ok()).count() as u32;
            assert_eq!((sum, ran), (issued, issued), "a scope that succeeded ran everything that was issued");
        }
    }

    /// Whether the launch ran, as the program was told; `None` where it was told that nobody knows.
    fn fate(&mut self, launch: &Result<Launch>) -> Option<bool> {
        let launch = match launch {
            Ok(launch) => launch,
            Err(error) => {
                self.errors.push(error.clone());
                return Some(false);
            }
        };
        match launch.wait() {
            Ok(()) => Some(true),
            Err(error) => {
                let started = !matches!(error, Error::NotStarted { .. });
                self.errors.push(error);
                if started { None } else { Some(false) }
            }
        }
    }

    /// A slice that several launches share, with host access in between.
    fn shared(&mut self, svm: &Svm, kernels: &Kernels) {
        let one = svm.vec([1u32; 64]);
        let mut y = svm.vec([0u32; 64]);
        let mut ran = 0;
        let scope = svm.scope(|s| {
            let mut y = s.lend(&mut y);
            for _ in 0..4 {
                kernels.add.launch(64u32, Add { x: s.read(&one), y: y.update(), n: 64 })?;
                ran += 1;
                assert_eq!(y.host()?[..], [ran; 64], "host() said that the launch has ended");
            }
            Ok(())
        });
        let complete = scope.is_ok();
        self.note(scope);
        assert!(y.iter().all(|word| *word == y[0]), "a launch ran in part");
        assert!(!complete || y[0] == 4);
    }

    fn timed(&mut self, svm: &Svm, kernels: &Kernels, kept: &[u32]) {
        let mut y = svm.vec([7u32; 1000]);
        let time = svm.scope(|s| {
            let launch = kernels.add.timed().launch(1000u32, Add { x: s.read(kept), y: s.update(&mut y), n: 1000 })?;
            launch.gpu_time()
        });
        let launched = y[999] != 7;
        assert!(y.iter().zip(kept).all(|(y, x)| *y == 7 + if launched { *x } else { 0 }));
        if let Some(time) = self.note(time) {
            assert!(launched);
            assert_eq!(time.is_some(), svm.capabilities().timestamps);
        }
    }

    fn owned(&mut self, svm: &Svm, kernels: &Kernels, kept: &[u32]) {
        let buffers = (svm.vec(kept.iter().copied()), svm.vec(kept.iter().copied()));
        let args =
            kernels.add.launch_owned(1000u32, buffers, |s, (x, y)| Add { x: s.read(x), y: s.update(y), n: 1000 });
        let Some(running) = self.note(args) else { return };
        let ((x, y), result) = running.finish();
        let ran = self.note(result).is_some();
        assert!(x.iter().eq(kept));
        let doubled = y[999] != 999;
        assert!(y.iter().zip(kept).all(|(y, x)| *y == if doubled { 2 * x } else { *x }));
        assert!(!ran || doubled);
    }
}

/// How often a call is made in `f`.
pub fn counted(failures: &Failures, f: impl FnOnce()) -> BTreeMap<&'static str, (Call, u64)> {
    let before: Vec<u64> = Call::ALL.iter().map(|call| failures.seen(*call)).collect();
    f();
    let counts =
        Call::ALL.iter().zip(before).map(|(call, before)| (call.name(), (*call, failures.seen(*call) - before)));
    counts.filter(|(_, (_, count))| *count > 0).collect()
}

pub fn list(counts: &BTreeMap<&'static str, (Call, u64)>) -> String {
    counts.iter().map(|(name, (_, count))| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// Opening and loading, with each call failing at each of its occurrences.
fn each_call_fails_once_while_opening() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    // With an alias and a table, and with all segments imported at once, there are more calls to fail.
    for translation in [Translation::Identity, Translation::Offset, Translation::Table] {
        while_opening(translation);
    }
    Ok(())
}

fn while_opening(translation: Translation) {
    let open = |failures: &Arc<Failures>| builder(failures).translation(translation).segment_size(32 << 20).open();
    let dry = Failures::new();
    let counts = counted(&dry, || {
        let svm = open(&dry).expect("open");
        Kernels::load(&svm).map(drop).expect("load");
    });
    let mut injected = 0;
    for (call, count) in counts.values() {
        for at in 0..*count {
            for result in RESULTS {
                let failures = Failures::new();
                failures.fail(*call, at, 1, result);
                let opened = open(&failures).and_then(|svm| Kernels::load(&svm).map(|kernels| (svm, kernels)));
                injected += failures.failed();
                let Err(error) = opened else {
                    // How often the timeline is read and waited for depends on who comes first. Of a reading that
                    // fails on the reaper's thread only the log tells.
                    let absorbed = failures.failed() == 0 || *call == Call::GetSemaphoreCounterValue;
                    assert!(absorbed, "{} {at} {result:?}: opened nevertheless", call.name());
                    continue;
                };
                assert!(is_of(&error, *call, result), "{} {at} {result:?}: {error}", call.name());
                saw_of(&error);
                // The next try meets no failure.
                if result == VkResult::ERROR_DEVICE_LOST && at + 1 == *count {
                    let svm = open(&failures).expect("a second try");
                    Kernels::load(&svm).map(drop).expect("a second try");
                }
            }
        }
    }
    println!("  {injected} failures while opening with {}: {}", translation.name(), list(&counts));
    assert!(injected >= 3 * 15, "{injected}");
    let maps = counts.contains_key(Call::MapMemory.name());
    assert_eq!(maps, translation == Translation::Table, "only the table is mapped");
}

fn saw_of(error: &Error) {
    let text = format!("{error:?}");
    saw(text.split([' ', '{']).next().unwrap_or_default());
    if let Error::NotStarted { cause } = error {
        saw_of(cause);
    }
}

/// A life with one failure, and one without after it.
fn live(call: Call, at: u64, result: VkResult) -> u64 {
    let failures = Failures::new();
    let svm = open(&failures).expect("open");
    let kernels = Kernels::load(&svm).expect("load");
    let mut life = Life::default();
    failures.fail(call, at, 1, result);
    life.launches(&svm, &kernels);
    let injected = failures.failed();
    failures.clear();
    for error in &life.errors {
        assert!(is_of(error, call, result), "{} {at} {result:?}: {error}", call.name());
        saw_of(error);
    }
    // A real loss is met by every call after it. Of one that only a planned failure tells of, the queue knows what its
    // own calls met.
    let lost =
        injected > 0 && result == VkResult::ERROR_DEVICE_LOST && QUEUE.contains(&call) && !life.errors.is_empty();
    assert!(injected > 0 || life.errors.is_empty(), "errors without a failure: {:?}", life.errors);
    let mut next = Life::default();
    next.launches(&svm, &kernels);
    if lost {
        assert!(
            !next.errors.is_empty() && next.errors.iter().all(|error| is_of(error, call, result)),
            "{:?}",
            next.errors
        );
        assert!(matches!(svm.wait_idle(), Err(Error::DeviceLost { .. }) | Ok(())));
    } else if result != VkResult::ERROR_DEVICE_LOST {
        assert!(next.errors.is_empty(), "{} {at} {result:?}, the next try: {:?}", call.name(), next.errors);
    }
    injected
}

fn each_call_fails_once_while_launching() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let dry = Failures::new();
    let svm = open(&dry).expect("open");
    let kernels = Kernels::load(&svm).expect("load");
    let counts = counted(&dry, || {
        let mut life = Life::default();
        life.launches(&svm, &kernels);
        assert!(life.errors.is_empty(), "{:?}", life.errors);
    });
    let (mut injected, mut lives) = (0, 0);
    for (call, count) in counts.values() {
        for result in RESULTS {
            for at in 0..*count {
                // The timeline is read at every launch: of a long row of equal occurrences some will do.
                if *count > 40 && at > 12 && at % 8 != 0 && at + 8 < *count {
                    continue;
                }
                injected += live(*call, at, result);
                lives += 1;
            }
        }
    }
    println!("  {injected} failures in {lives} lives: {}", list(&counts));
    assert!(injected >= 60, "{injected}");
    Ok(())
}

/// Calls that never succeed again: a scope's end still returns, and the memory can be freed.
fn calls_that_fail_for_good() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    for call in [Call::WaitSemaphores, Call::GetSemaphoreCounterValue, Call::QueueSubmit, Call::AllocateCommandBuffers]
    {
        for result in RESULTS {
            for skip in [0, 1, 5] {
                let failures = Failures::new();
                let svm = open(&failures).expect("open");
                let kernels = Kernels::load(&svm).expect("load");
                let mut life = Life::default();
                failures.fail(call, skip, u64::MAX, result);
                life.launches(&svm, &kernels);
                for error in &life.errors {
                    assert!(is_of(error, call, result), "{} {result:?}: {error}", call.name());
                }
                if result != VkResult::ERROR_DEVICE_LOST {
                    failures.clear();
                    let mut next = Life::default();
                    next.launches(&svm, &kernels);
                    assert!(next.errors.is_empty(), "{} {result:?}, when it is over: {:?}", call.name(), next.errors);
                }
                drop(kernels);
                let live = svm.stats().live_allocations;
                assert_eq!(live, 0, "everything was freed");
            }
        }
    }
    Ok(())
}

fn a_lost_device_stays_lost_and_data_stays_readable() {
    let failures = Failures::new();
    let svm = open(&failures).expect("open");
    let kernels = Kernels::load(&svm).expect("load");
    let mark = log::all().len();
    let (x, mut y) = (svm.vec([1u32; 16]), svm.vec([2u32; 16]));
    let launch =
        |y: &mut SvmVec<u32>| svm.scope(|s| kernels.add.launch(16u32, Add { x: s.read(&x), y: s.update(y), n: 16 }));
    launch(&mut y).map(drop).expect("before");
    failures.fail(Call::QueueSubmit, 0, 1, VkResult::ERROR_DEVICE_LOST);
    for _ in 0..3 {
        let message = refused(launch(&mut y), "DeviceLost");
        assert!(message.contains("vkQueueSubmit") && message.contains("readable"), "{message}");
    }
    assert_eq!(y[..], [3; 16], "what ran before the loss stays");
    let owned = kernels.add.launch_owned(16u32, (x.clone(), y.clone()), |s, (x, y)| Add {
        x: s.read(x),
        y: s.update(y),
        n: 16,
    });
    refused(owned, "DeviceLost");
    let more: SvmVec<u32> = svm.vec(0..100_000);
    assert!(more.iter().copied().eq(0..100_000), "the heap works on");
    // The reaper's thread logs it.
    let start = Instant::now();
    while !log::since(mark).iter().any(|line| line.contains("lost")) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", log::since(mark));
        std::thread::yield_now();
    }
    // A new one works.
    let svm = open(&Failures::new()).expect("a new one");
    let kernels = Kernels::load(&svm).expect("a new one");
    let mut life = Life::default();
    life.launches(&svm, &kernels);
    assert!(life.errors.is_empty(), "{:?}", life.errors);
}

/// Two scopes' launches in one group that fails: each scope is told; a third, in a later group, is not.
fn launches_of_one_scope_do_not_fail_another() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let failures = Failures::new();
    let svm = open(&failures).expect("open");
    let kernels = Kernels::load(&svm).expect("load");
    let x = svm.vec([1u32; 16]);
    let (mut a, mut b, mut c, mut passed) =
        (svm.vec([0u32; 16]), svm.vec([0u32; 16]), svm.vec([0u32; 16]), svm.vec([0u32]));
    let gate = Gate::new(&svm);
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernels.gate, s.update(&mut passed))?;
        let outer = svm.scope(|one| {
            kernels.add.launch(16u32, Add { x: one.read(&x), y: one.update(&mut a), n: 16 })?;
            let inner = svm.scope(|two| {
                let launch = kernels.add.launch(16u32, Add { x: two.read(&x), y: two.update(&mut b), n: 16 })?;
                failures.fail(Call::QueueSubmit, 0, 1, VkResult::ERROR_OUT_OF_DEVICE_MEMORY);
                opener.open();
                // Sends the group out, in vain.
                refused(launch.wait(), "NotStarted");
                Ok(())
            });
            refused(inner, "NotStarted");
            Ok(())
        });
        refused(outer, "NotStarted");
        svm.scope(|three| kernels.add.launch(16u32, Add { x: three.read(&x), y: three.update(&mut c), n: 16 }))?;
        Ok(())
    })
    .expect("the gate's scope is not concerned");
    assert_eq!((a[0], b[0], c[0], passed[0]), (0, 0, 1, 1));
    Ok(())
}
