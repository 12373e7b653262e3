//! Processes that run cases, so that a module that crashes or hangs takes nothing else with it.
//!
//! A worker is this program, started again, see [`child`]. It reads jobs from its standard input and writes what it does to its
//! standard output, a line of JSON each.

use super::{
    differential::judge,
    job::{Job, Kind, Outcome, Wrong},
    runner::Runner,
    ways::Way,
};
use crate::{child, harness::text_of};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, ChildStdin, Stdio, abort},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use vksvm_tests::bare::Device;

/// The part that a worker plays.
pub const PART: &str = "lowering_worker";

/// What a worker may take to start, to lower and to validate, beyond what its dispatches may take.
const GRACE: Duration = Duration::from_secs(90);

/// Lines of a worker's standard error that are kept.
const LINES: usize = 12;

/// What a worker says.
#[derive(Serialize, Deserialize)]
enum Line {
    /// It is about to run this.
    Started(Way),
    /// The job's end.
    Done(Outcome),
}

/// The worker's side: takes jobs until there are no more.
pub fn serve() {
    // Crashes are expected; nobody looks at their cores.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let say = |line: &Line| {
        let text = serde_json::to_string(line).expect("plain data");
        // Nobody listens any more: the end of input follows.
        let _ = writeln!(std::io::stdout(), "{text}");
    };
    let device = Device::open_for_modules().expect("a device");
    let mut runner = Runner::new(&device).expect("a runner");
    for line in std::io::stdin().lines() {
        let job: Job = serde_json::from_str(&line.expect("a line")).expect("a job");
        let judged = catch_unwind(AssertUnwindSafe(|| judge(&mut runner, &job, |way| say(&Line::Started(way)))));
        let outcome = judged.unwrap_or_else(|panic| Outcome::wrong(Kind::Failed, Way::Plain, text_of(&*panic)));
        let stuck = matches!(&outcome, Outcome::Wrong(wrongs) if wrongs.iter().any(|w| w.kind == Kind::Stuck));
        say(&Line::Done(outcome));
        if stuck {
            // Neither the driver nor anything of the runner can be closed under a running module.
            abort();
        }
    }
}

/// A worker, seen from the tests: a process with the validation layer as the tests have it, and one without. Each is started when
/// there is something to do, and again after its death.
#[derive(Default)]
pub struct Worker([Option<Process>; 2]);

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Worker {
    /// Has a job judged.
    pub fn judge(&mut self, job: &Job) -> Outcome {
        let mut outcome = self.ask(job);
        if let Outcome::Wrong(wrongs) = &mut outcome
            && wrongs.iter().any(|wrong| wrong.kind == Kind::Crashed)
            && !job.stop_early
        {
            // It died before it could write them.
            self.ask(&Job { dump: true, run: false, ..job.clone() });
            let place = super::dump::Dump::new(&job.id);
            wrongs[0].text += &format!("\n    before and after: {place}");
        }
        outcome
    }

    fn ask(&mut self, job: &Job) -> Outcome {
        let slot = &mut self.0[usize::from(job.layer)];
        let process = slot.get_or_insert_with(|| Process::start(job.layer));
        let mut at = Way::Plain;
        let outcome = process.ask(job, &mut at);
        let ended = match &outcome {
            Ok(Outcome::Wrong(wrongs)) => wrongs.iter().any(|wrong| wrong.kind == Kind::Stuck),
            Ok(_) => false,
            Err(_) => true,
        };
        if ended {
            *slot = None;
        }
        outcome.unwrap_or_else(|text| Outcome::wrong(Kind::Crashed, at, text))
    }
}

impl Process {
    fn start(layer: bool) -> Self {
        let mut command = child::command(PART);
        // Addresses are baked into lowered modules, so no two runs have the same ones: the cache would only grow.
        command.env("MESA_SHADER_CACHE_DISABLE", "true");
        if !layer {
            command.env("VKSVM_VALIDATION", "0");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the test program can be started again");
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let errors = Arc::<Mutex<VecDeque<String>>>::default();
        let (kept, stderr) = (errors.clone(), BufReader::new(child.stderr.take().expect("a pipe")));
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > LINES {
                    kept.pop_front();
                }
            }
        });
        let input = child.stdin.take();
        Process { child, input, lines, errors, reader: Some(reader) }
    }

    /// The outcome, or how the process ended.
    fn ask(&mut self, job: &Job, at: &mut Way) -> Result<Outcome, String> {
        let text = serde_json::to_string(job).expect("plain data");
        // If it does not take the job, it has ended, which comes up below.
        let _ = writeln!(self.input.as_mut().expect("open until dropped"), "{text}");
        let limit = GRACE + Duration::from_millis(job.milliseconds);
        loop {
            match self.lines.recv_timeout(limit) {
                Ok(line) => match serde_json::from_str(&line) {
                    Ok(Line::Started(way)) => *at = way,
                    Ok(Line::Done(outcome)) => return Ok(outcome),
                    // Something else that writes to standard output, the driver perhaps.
                    Err(_) => {}
                },
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    // Nobody holds the pipe's other end any more.
                    let _ = self.reader.take().map(JoinHandle::join);
                    return Err(format!("the process ended: {status}{}", self.complaints()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the process has not answered after {limit:?}{}", self.complaints()));
                }
            }
        }
    }

    fn complaints(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|line| format!("\n    | {line}")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Tells it to end. One that is stuck, or already gone, is ended.
        drop(self.input.take());
        if self.lines.recv_timeout(Duration::from_secs(10)) != Err(RecvTimeoutError::Disconnected) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Runs `each` for every index below `count`, on as many workers as there are processors, and returns the results in order.
pub fn spread<R: Send>(count: usize, each: impl Fn(&mut Worker, usize) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let processors = thread::available_parallelism().map_or(1, usize::from).min(4);
    let mut results: Vec<_> = thread::scope(|s| {
        let run = || {
            let mut worker = Worker::default();
            let mut results = vec![];
            loop {
                let index = next.fetch_add(1, SeqCst);
                if index >= count {
                    return results;
                }
                results.push((index, each(&mut worker, index)));
            }
        };
        let threads: Vec<_> = (0..processors.min(count)).map(|_| s.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("workers do not panic")).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

impl Outcome {
    /// One thing that is wrong.
    pub fn wrong(kind: Kind, way: Way, text: String) -> Self {
        Outcome::Wrong(vec![Wrong { kind, way, text }])
    }
}
