//! Random programs on the protocol, with memory, a device and a CPU that notice what they should never see.
#![cfg(not(loom))]

mod fake;

use fake::{Failing, Fake};
use proptest::prelude::*;
use std::ops::Range;
use vksvm_pages::{Advised, Auto, Costs, Lru, Options, Pages, Policy, Refused, Side, Unpinnable, Want};

/// Pages in the heap: three blocks, the last one not whole.
const PAGES: usize = 80;

/// What a program does.
#[derive(Clone, Debug)]
enum Act {
    /// The CPU reads its word of a page.
    Read(usize),
    /// The CPU writes its word.
    Write(usize, u32),
    /// The CPU reads all pages from one on, in order; what is fetched ahead comes after every so many of them.
    Scan(usize, usize),
    /// A launch reads the first pages and writes the others: their device's words.
    Launch(Vec<(usize, usize, bool)>),
    /// The device ends a launch.
    Step,
    /// Pages are freed and given back.
    Free(usize, usize),
    /// The library zeroes a page's words through its own view.
    Zero(usize),
    /// Everything idle comes home.
    Evict,
    /// What is evicted next is copied home.
    Clean,
    /// Pages move before they are used.
    Prefetch(usize, usize, Side),
    /// They stay on a side, or anywhere.
    Pin(usize, usize, Option<Side>),
    /// Something is said about them, or taken back.
    Advise(usize, usize, Advised, bool),
    /// Their content is of no use.
    Forget(usize, usize),
    /// The mechanism fails at one of its next operations.
    Fail(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let run = (0..PAGES, 1..40usize, any::<bool>());
    prop_oneof![
        6 => (0..PAGES).prop_map(Act::Read),
        6 => (0..PAGES, any::<u32>()).prop_map(|(page, value)| Act::Write(page, value)),
        2 => (0..PAGES, 1..20usize).prop_map(|(page, every)| Act::Scan(page, every)),
        8 => prop::collection::vec(run, 1..4).prop_map(Act::Launch),
        4 => Just(Act::Step),
        1 => (0..PAGES, 1..40usize).prop_map(|(page, pages)| Act::Free(page, pages)),
        1 => (0..PAGES).prop_map(Act::Zero),
        1 => Just(Act::Evict),
        2 => Just(Act::Clean),
        2 => (0..PAGES, 1..40usize, side()).prop_map(|(page, pages, to)| Act::Prefetch(page, pages, to)),
        1 => (0..PAGES, 1..20usize, prop::option::of(side())).prop_map(|(page, pages, to)| Act::Pin(page, pages, to)),
        2 => (0..PAGES, 1..40usize, 0..Advised::ALL.len(), any::<bool>())
            .prop_map(|(page, pages, what, on)| Act::Advise(page, pages, Advised::ALL[what], on)),
        1 => (0..PAGES, 1..20usize).prop_map(|(page, pages)| Act::Forget(page, pages)),
        1 => any::<u8>().prop_map(Act::Fail),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    any::<bool>().prop_map(|host| if host { Side::Host } else { Side::Device })
}

/// Who decides.
fn policy() -> impl Strategy<Value = fn() -> Box<dyn Policy>> {
    let lru: fn() -> Box<dyn Policy> = || Box::new(Lru::default());
    let auto: fn() -> Box<dyn Policy> = || Box::new(Auto::new(Costs::PCIE4));
    any::<bool>().prop_map(move |learns| if learns { auto } else { lru })
}

fn options() -> impl Strategy<Value = Options> {
    (1..100usize, any::<bool>(), any::<bool>()).prop_map(|(limit, in_place, hunt)| Options {
        pages: PAGES,
        limit,
        in_place,
        hunt,
        #[cfg(feature = "seam")]
        broken: None,
    })
}

/// Runs a program; panics where something is seen that must not be.
fn run(acts: &[Act], options: Options, policy: fn() -> Box<dyn Policy>, expose: bool) {
    let pages = Pages::new(Fake::new(PAGES, options.limit, expose), options, policy());
    let fake = pages.mechanism();
    for act in acts {
        match act {
            Act::Read(page) => touch(&pages, *page, None),
            Act::Write(page, value) => touch(&pages, *page, Some(*value)),
            Act::Scan(first, every) => (*first..PAGES).for_each(|page| {
                touch(&pages, page, None);
                if page % every == 0 {
                    pages.fetch_ahead();
                }
            }),
            Act::Launch(runs) => launch(&pages, runs),
            Act::Step => fake.step(),
            Act::Free(page, count) => {
                let range = *page..PAGES.min(page + count);
                fake.settle();
                let discarded = pages.discard(range.clone(), |pages| fake.punch(pages));
                assert!(discarded.is_ok() || fake.failed());
                fake.check_freed(range);
            }
            Act::Zero(page) => {
                let zero = pages.with_host(*page..page + 1, || fake.zero(*page));
                assert!(matches!(zero, Ok(Some(()))) || fake.failed());
            }
            Act::Evict => _ = pages.evict_idle(),
            Act::Clean => pages.clean_ahead(),
            Act::Prefetch(page, count, to) => {
                let range = range(*page, *count);
                match pages.prefetch(range.clone(), *to, pages.launches()) {
                    Ok(moved) => assert!(moved.moved + moved.there <= range.len(), "{moved:?} of {range:?}"),
                    Err(Failing) => assert!(fake.failed(), "a failure that was not planned"),
                }
            }
            Act::Pin(page, count, Some(to)) => match pages.pin(range(*page, *count), *to) {
                Ok(_) => {
                    let says = pages.snapshot(range(*page, *count), |_, snapshot| snapshot.pinned);
                    assert!(says.iter().all(|side| *side == Some(*to)), "pinned to {to:?}: {says:?}");
                }
                Err(Unpinnable::TooMany { limit, .. }) => assert!(2 * count.max(&1) > limit / 2 || *to == Side::Device),
                Err(Unpinnable::Failed(Failing)) => {
                    assert!(fake.failed(), "a failure that was not planned");
                    // It is to be tried again, or taken back.
                    pages.advise(range(*page, *count), Advised::PinnedHost, false);
                }
            },
            Act::Pin(page, count, None) => {
                pages.advise(range(*page, *count), Advised::PinnedHost, false);
                pages.advise(range(*page, *count), Advised::PinnedDevice, false);
            }
            // Pinning is more than saying so.
            Act::Advise(_, _, Advised::PinnedHost | Advised::PinnedDevice, true) => {}
            Act::Advise(page, count, what, on) => _ = pages.advise(range(*page, *count), *what, *on),
            Act::Forget(page, count) => {
                fake.settle();
                pages.forget_content(range(*page, *count));
                fake.forget(range(*page, *count));
            }
            Act::Fail(after) => fake.fail(*after as usize % 16),
        }
        pages.check();
        check_snapshot(&pages);
        let usage = pages.usage();
        assert!(usage.used <= usage.limit && usage.peak <= usage.limit, "{usage:?}");
    }
    fake.fail_no_more();
    fake.settle();
    (0..PAGES).for_each(|page| touch(&pages, page, None));
    fake.check_device_words(|page| touch(&pages, page, None));
    pages.advise(0..PAGES, Advised::PinnedDevice, false);
    let idle = pages.evict_idle();
    assert!(idle.is_ok());
    pages.check();
    assert_eq!(pages.usage().used, 0, "slots that no page has");
}

fn touch(pages: &Pages<Fake>, page: usize, write: Option<u32>) {
    let fake = pages.mechanism();
    for _ in 0..100 {
        if fake.touch(page, write) {
            return;
        }
        match pages.fault(page, write.is_some(), |point| fake.reach(point)) {
            Ok(()) => {}
            Err(Failing) => assert!(fake.failed(), "a failure that was not planned"),
        }
    }
    panic!("page {page} stays out of the CPU's reach");
}

fn range(page: usize, count: usize) -> Range<usize> {
    page..PAGES.min(page + count)
}

/// What can be asked agrees with what is.
fn check_snapshot(pages: &Pages<Fake>) {
    let fake = pages.mechanism();
    for (page, snapshot) in pages.snapshot(0..PAGES, |page, snapshot| (page, snapshot)) {
        fake.check_snapshot(page, &snapshot);
    }
}

fn launch(pages: &Pages<Fake>, runs: &[(usize, usize, bool)]) {
    let fake = pages.mechanism();
    let wants: Vec<Want> = runs.iter().map(|&(page, count, write)| Want { pages: range(page, count), write }).collect();
    match pages.acquire(&wants, 0) {
        Ok(hold) if fake.refuses_submit() => pages.abort(hold),
        Ok(hold) => {
            let point = fake.submit(&wants);
            pages.commit(hold, point);
        }
        Err(Refused::Failed(Failing)) => assert!(fake.failed(), "a failure that was not planned"),
        Err(Refused::Pinned { pages }) => assert!(pages > 0),
        Err(Refused::Budget { needed, limit }) => assert!(needed > limit, "{needed} pages fit into {limit}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_sees_what_is_out_of_date(
        acts in prop::collection::vec(act(), 1..60),
        options in options(),
        policy in policy(),
        expose: bool,
    ) {
        run(&acts, options, policy, expose);
    }
}

/// `VKSVM_PAGES_CASES` runs more of them.
fn cases() -> u32 {
    std::env::var("VKSVM_PAGES_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2000)
}

/// The tests above must notice each law that is broken.
#[cfg(feature = "seam")]
#[test]
fn broken_laws_are_noticed() {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    for law in vksvm_pages::Broken::ALL {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let config = Config { cases: 3000, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let programs = (prop::collection::vec(act(), 1..60), options(), policy(), any::<bool>());
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let result = runner.run(&programs, |(acts, options, policy, expose)| {
            let broken = Options { broken: Some(law), ..options };
            let seen = catch_unwind(AssertUnwindSafe(|| run(&acts, broken, policy, expose)));
            seen.map_err(|_| TestCaseError::fail("noticed"))
        });
        std::panic::set_hook(quiet);
        assert!(result.is_err(), "nothing noticed {law:?}");
    }
}
