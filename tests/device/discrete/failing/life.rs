//! Rounds of a life ([`Round`]), in each of which one call fails once, for each call and each of its occurrences.
//!
//! The cases run in a process of their own, one after the other on the same `Svm`. It says which case it is at; where a call fails in service, so
//! that the process ends, the next process goes on behind that case.

use super::round::{BUDGET, HEAP, Round};
use crate::{
    child::{command, said},
    discrete::{Mode, kernels::Kernels, opened},
    failures::{RESULTS, is_of},
    harness::{Ignored, trial},
};
use libtest_mimic::Trial;
use std::{
    collections::BTreeMap,
    env,
    io::Write,
    os::unix::process::ExitStatusExt,
    sync::Arc,
    time::{Duration, Instant},
};
use vksvm::{
    Error, OsError, Svm,
    seam::{Call, Failures, SystemCall, SystemFailures, VkResult},
};

/// The part that a process of its own plays.
pub const PART: &str = "discrete_failing";
/// What it is told: the setting's name, and the case behind which it goes on.
const SETTING: &str = "VKSVM_TEST_SETTING";
const BEHIND: &str = "VKSVM_TEST_BEHIND";

/// What it says: a case, by its numbers, begins; it has been at it for long enough; there are no more.
const CASE: &str = "case ";
const PAUSED: &str = "paused";
const DONE: &str = "done";
const IGNORED: &str = "ignored:";

/// Of how a touch is refused that cannot be served.
const FATAL: &str = "cannot be served: ";

/// A process may take a minute in all.
const SHIFT: Duration = Duration::from_secs(20);

/// Occurrences of a call up to which each is tried; of longer rows some.
const ALL_OF: u64 = 24;

/// Where calls fail, and which.
struct Setting {
    name: &'static str,
    mode: &'static str,
    /// Pages are copied by the device.
    staged: bool,
    /// Vulkan's calls fail, else the system's.
    vulkan: bool,
}

const SETTINGS: [Setting; 6] = [
    Setting { name: "vulkan_mapped", mode: "userfaultfd", staged: false, vulkan: true },
    Setting { name: "vulkan_staged", mode: "userfaultfd-moved", staged: true, vulkan: true },
    Setting { name: "vulkan_staged_in_handlers", mode: "sigbus", staged: true, vulkan: true },
    Setting { name: "system_userfaultfd", mode: "userfaultfd", staged: false, vulkan: false },
    Setting { name: "system_sigbus", mode: "sigbus-moved", staged: false, vulkan: false },
    Setting { name: "system_signal", mode: "signal", staged: false, vulkan: false },
];

pub fn tests() -> Vec<Trial> {
    vec![
        trial(module_path!(), "vulkan_mapped", || each_call_fails_once(&SETTINGS[0])),
        trial(module_path!(), "vulkan_staged", || each_call_fails_once(&SETTINGS[1])),
        trial(module_path!(), "vulkan_staged_in_handlers", || each_call_fails_once(&SETTINGS[2])),
        trial(module_path!(), "system_userfaultfd", || each_call_fails_once(&SETTINGS[3])),
        trial(module_path!(), "system_sigbus", || each_call_fails_once(&SETTINGS[4])),
        trial(module_path!(), "system_signal", || each_call_fails_once(&SETTINGS[5])),
    ]
}

/// A call, an occurrence, and a result, by their numbers.
type Case = [u64; 3];

/// Plans of both kinds; one of them stays empty.
struct Plans {
    vulkan: Arc<Failures>,
    system: Arc<SystemFailures>,
    of_vulkan: bool,
}

impl Plans {
    fn new(of_vulkan: bool) -> Self {
        Plans { vulkan: Failures::new(), system: Arc::default(), of_vulkan }
    }

    /// How often each call was seen.
    fn seen(&self) -> Vec<u64> {
        match self.of_vulkan {
            true => Call::ALL.iter().map(|call| self.vulkan.seen(*call)).collect(),
            false => SystemCall::ALL.iter().map(|call| self.system.seen(*call)).collect(),
        }
    }

    fn fail(&self, [call, at, which]: Case) {
        match self.of_vulkan {
            true => self.vulkan.fail(Call::ALL[call as usize], at, 1, RESULTS[which as usize]),
            false => self.system.fail(SystemCall::ALL[call as usize], at, 1, ERRNOS[which as usize]),
        }
    }

    fn failed(&self) -> u64 {
        self.vulkan.failed() + self.system.failed()
    }

    fn clear(&self) {
        self.vulkan.clear();
        self.system.clear();
    }
}

/// Out of memory, and a refusal.
const ERRNOS: [i32; 2] = [libc::ENOMEM, libc::EPERM];

fn name(of_vulkan: bool, [call, ..]: Case) -> &'static str {
    if of_vulkan { Call::ALL[call as usize].name() } else { SystemCall::ALL[call as usize].name() }
}

/// Whether an error is what the case leads to.
fn is_of_case(error: &Error, of_vulkan: bool, case @ [call, _, which]: Case) -> bool {
    if of_vulkan {
        return is_of(error, Call::ALL[call as usize], RESULTS[which as usize]);
    }
    matches!(error, Error::Os { call, os: OsError(errno), .. }
        if *call == name(false, case) && *errno == ERRNOS[which as usize])
}

struct World {
    svm: Svm,
    kernels: Kernels,
    plans: Plans,
    rounds: u32,
}

impl World {
    fn open(setting: &Setting) -> Result<Self, Ignored> {
        let (mode, plans) = (Mode::named(setting.mode), Plans::new(setting.vulkan));
        // Without polling, and with each launch submitted by itself, the number of calls depends less on the machine's speed.
        let builder = mode.builder(HEAP, BUDGET).spin(Duration::ZERO).group(1);
        let builder = builder.failures(&plans.vulkan).system_failures(&plans.system);
        let svm = opened(mode, if setting.staged { builder.staged() } else { builder })?;
        let kernels = Kernels::load(&svm);
        Ok(World { svm, kernels, plans, rounds: 0 })
    }

    fn round(&mut self) -> Vec<Error> {
        self.rounds += 1;
        let mut round = Round::new(&self.svm, &self.kernels);
        round.run(100 * self.rounds);
        round.errors
    }
}

/// The part.
pub fn run() {
    let asked = env::var(SETTING).expect("a setting");
    let setting = SETTINGS.iter().find(|setting| setting.name == asked).expect("a known setting");
    let behind: Option<Case> = env::var(BEHIND).ok().and_then(|text| parse(&text));
    let mut world = match World::open(setting) {
        Ok(world) => world,
        Err(Ignored(why)) => return println!("{IGNORED} {why}"),
    };
    // Memory is made, and imported, in the first round only.
    let [first, later] = [(); 2].map(|()| {
        let before = world.plans.seen();
        assert_eq!(world.round(), []);
        world.plans.seen().iter().zip(before).map(|(after, before)| after - before).collect::<Vec<u64>>()
    });
    let counts: Vec<u64> =
        first.iter().zip(&later).map(|(first, later)| if *later > 0 { *later } else { *first }).collect();
    let until = Instant::now() + SHIFT;
    for case in cases(setting, &counts) {
        if behind.is_some_and(|behind| case <= behind) {
            continue;
        }
        if Instant::now() > until {
            return println!("{PAUSED}");
        }
        if later[case[0] as usize] == 0 {
            world = World::open(setting).unwrap_or_else(|Ignored(why)| panic!("again: {why}"));
        }
        println!("{CASE}{} {} {}", case[0], case[1], case[2]);
        let _ = std::io::stdout().flush();
        let before = world.plans.failed();
        world.plans.fail(case);
        let errors = world.round();
        let failed = world.plans.failed() - before;
        world.plans.clear();
        let what = || format!("{} {case:?}", name(setting.vulkan, case));
        assert!(failed > 0 || errors.is_empty(), "{}: errors without a failure: {errors:?}", what());
        for error in &errors {
            assert!(is_of_case(error, setting.vulkan, case), "{}: {error}", what());
        }
        println!(
            "told {} {}",
            name(setting.vulkan, case),
            if failed == 0 {
                "nothing failed"
            } else if errors.is_empty() {
                "made up for"
            } else {
                "told"
            }
        );
        if setting.vulkan && RESULTS[case[2] as usize] == VkResult::ERROR_DEVICE_LOST {
            world = World::open(setting).unwrap_or_else(|Ignored(why)| panic!("again: {why}"));
        } else {
            assert_eq!(world.round(), [], "the round after {}", what());
        }
    }
    println!("{DONE}");
}

/// All cases, in order.
fn cases(setting: &Setting, counts: &[u64]) -> Vec<Case> {
    let results = if setting.vulkan { RESULTS.len() } else { ERRNOS.len() } as u64;
    let mut cases = vec![];
    for (call, count) in counts.iter().copied().enumerate() {
        for at in 0..count {
            let some = count <= ALL_OF || at < 6 || at + 6 >= count || at % (count / 12) == 0;
            if some {
                // One result for each occurrence, in turn.
                cases.push([call as u64, at, at % results]);
            }
        }
    }
    cases
}

fn parse(text: &str) -> Option<Case> {
    let numbers: Vec<u64> = text.split(' ').map_while(|number| number.parse().ok()).collect();
    numbers.try_into().ok()
}

fn each_call_fails_once(setting: &Setting) -> Result<(), Ignored> {
    let mut behind: Option<Case> = None;
    // What became of the failures of each call.
    let mut fates = BTreeMap::<String, BTreeMap<&str, u64>>::new();
    loop {
        let mut process = command(PART);
        process.env(SETTING, setting.name);
        if let Some([call, at, which]) = behind {
            process.env(BEHIND, format!("{call} {at} {which}"));
        }
        let output = process.output().expect("the test program can be started again");
        let said = said(&output);
        if output.status.success()
            && let Some((_, why)) = said.split_once(IGNORED)
        {
            return Err(Ignored(why.trim().into()));
        }
        let progress = String::from_utf8_lossy(&output.stdout);
        for line in progress.lines().filter_map(|line| line.strip_prefix("told ")) {
            for fate in ["nothing failed", "made up for", "told"] {
                if let Some(call) = line.strip_suffix(fate) {
                    *fates.entry(call.trim().into()).or_default().entry(fate).or_default() += 1;
                    break;
                }
            }
        }
        if output.status.success() && progress.lines().any(|line| line == DONE) {
            break;
        }
        let last = progress.lines().rev().find_map(|line| parse(line.strip_prefix(CASE)?));
        let Some(last) = last.filter(|last| behind.is_none_or(|behind| *last > behind)) else {
            panic!("{}: no case was begun: {said}", setting.name)
        };
        if !output.status.success() {
            // In service: told to nobody but the person who looks.
            let call = name(setting.vulkan, last);
            let message = said.lines().find(|line| line.contains(FATAL)).unwrap_or_default();
            let named = message.contains(&format!("{FATAL}{call}")) || message.contains(&format!("({call}) failed"));
            let aborted = output.status.signal() == Some(libc::SIGABRT);
            assert!(aborted && named, "{}: {call} {last:?}: {said}", setting.name);
            *fates.entry(call.into()).or_default().entry("ended the process").or_default() += 1;
        }
        behind = Some(last);
    }
    println!("  {}: {fates:?}", setting.name);
    check(setting, &fates);
    Ok(())
}

/// What may become of a failure of this call, derived from who makes it.
fn allowed(setting: &Setting, call: &str) -> &'static [&'static str] {
    const ENDS: &str = "ended the process";
    const MADE_UP: &str = "made up for";
    match call {
        // By whoever watches launches, who may try again.
        "vkGetSemaphoreCounterValue" => &["told", MADE_UP],
        // What makes device memory grow: without more, pages are used in place. The other is an import's, without which nothing is in place.
        "vkAllocateMemory" | "vkBindBufferMemory" | "vkCreateBuffer" | "vkMapMemory" => &["told", MADE_UP],
        // Copies are made for launches, which are told; for touches, which cannot be; and for evictions, which take other pages. On waits for launches
        // depends nothing but how soon others look again.
        "vkResetCommandPool" | "vkBeginCommandBuffer" | "vkEndCommandBuffer" | "vkQueueSubmit" | "vkWaitSemaphores"
            if setting.staged =>
        {
            &["told", MADE_UP, ENDS]
        }
        "vkWaitSemaphores" => &["told", MADE_UP],
        // Memory that cannot be given back is overwritten when it is had again; what is mapped is found one by one.
        "fallocate" | "pread(/proc/self/pagemap)" => &[MADE_UP],
        // Where touches are served; and where evictions and frees give pages back, of which a touch that still faults tries again.
        "ioctl(UFFDIO_CONTINUE)" | "ioctl(UFFDIO_WAKE)" => &[MADE_UP, ENDS],
        // Also what launches take away: by this call in part, or in whole.
        "ioctl(UFFDIO_WRITEPROTECT)" | "mprotect" => &["told", MADE_UP, ENDS],
        "poll" | "read" => &[ENDS],
        // What launches alone do.
        _ => &["told"],
    }
}

/// What must have come of the calls of this setting, and what must not.
fn check(setting: &Setting, fates: &BTreeMap<String, BTreeMap<&str, u64>>) {
    for (call, of) in fates {
        let allowed = allowed(setting, call);
        // How often something is waited for, or found mapped, depends on who comes first.
        let other = of.keys().find(|fate| **fate != "nothing failed" && !allowed.contains(fate));
        assert!(other.is_none(), "{}: {call}: {other:?} is none of {allowed:?}: {fates:?}", setting.name);
    }
    let all = |fate: &str| fates.values().filter_map(|of| of.get(fate)).sum::<u64>();
    assert!(all("told") >= 5, "{}: {fates:?}", setting.name);
    let must_be_told = if setting.vulkan { "vkQueueSubmit" } else { "madvise" };
    assert!(fates.get(must_be_told).is_some_and(|of| of.contains_key("told")), "{}: {fates:?}", setting.name);
    // With Vulkan's calls only where the device copies for a touch.
    assert_eq!(all("ended the process") > 0, setting.staged || !setting.vulkan, "{}: {fates:?}", setting.name);
    // What is copied ahead of need depends on who comes first, and so does which occurrence of a call there is.
    let cases: u64 = fates.values().flat_map(BTreeMap::values).sum();
    assert!(5 * all("nothing failed") <= cases, "{}: {fates:?}", setting.name);
}
