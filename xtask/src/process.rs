//! Subprocesses: each has a time limit and a process group of its own, so that a hang ends with a message and
//! leaves nothing running.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// How long a group has between SIGTERM and SIGKILL, and its pipes to close after its leader ended.
const GRACE: Duration = Duration::from_secs(5);

/// Groups that run now, for the signal handler.
static LIVE: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Ends the running subprocesses when this process is asked to end: they are in groups of their own, so that the
/// terminal's Ctrl-C does not reach them.
pub fn end_groups_on_signal() -> Result<()> {
    ctrlc::set_handler(|| {
        for group in LIVE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = killpg(Pid::from_raw(*group), Signal::SIGTERM);
        }
        std::process::exit(130);
    })
    .context("cannot install the signal handler")
}

/// A command line with its time limit.
#[derive(Clone, Debug)]
pub struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

/// Where a subprocess's standard output goes.
#[derive(Clone, Copy, PartialEq)]
enum Output {
    /// To ours, untouched.
    Through,
    /// To ours, and kept.
    Seen,
    /// Kept only, and standard error too.
    Kept,
}

/// How a subprocess ended.
#[derive(Debug)]
pub struct Ended {
    /// None when it ran out of time.
    status: Option<ExitStatus>,
    /// What it wrote to standard output, if that was kept.
    pub stdout: String,
    /// What it wrote to standard error, if that was kept.
    pub stderr: String,
    line: String,
    limit: Duration,
}

impl Cmd {
    /// `program` with the default limit of a minute.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref().to_owned();
        Cmd { program, args: vec![], env: vec![], dir: None, limit: Duration::from_secs(60) }
    }

    /// The cargo that runs us.
    pub fn cargo() -> Self {
        let mut cmd = Cmd::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cmd.dir = Some(crate::root());
        cmd
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets environment variables.
    pub fn envs(mut self, env: &[(&'static str, OsString)]) -> Self {
        self.env.extend(env.iter().map(|(name, value)| (name.into(), value.clone())));
        self
    }

    /// Runs in this directory.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Ends it after this time.
    pub fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Runs it with its output shown; an error unless it succeeds.
    pub fn run(&self) -> Result<()> {
        self.start(Output::Through)?.check().map(drop)
    }

    /// Runs it with its output shown and returns how it ended with what it wrote to standard output.
    pub fn run_seen(&self) -> Result<Ended> {
        self.start(Output::Seen)
    }

    /// Runs it unseen and returns how it ended with all that it wrote.
    pub fn run_kept(&self) -> Result<Ended> {
        self.start(Output::Kept)
    }

    /// Runs it unseen and returns its standard output; an error, with what it wrote, unless it succeeds.
    pub fn output(&self) -> Result<String> {
        Ok(self.start(Output::Kept)?.check()?.stdout)
    }

    fn start(&self, output: Output) -> Result<Ended> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        if output != Output::Through {
            command.stdout(Stdio::piped());
        }
        if output == Output::Kept {
            command.stderr(Stdio::piped());
        }
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().with_context(|| format!("cannot start `{self}`"))?;
        let group = Group::of(&child);
        let stdout = child.stdout.take().map(|pipe| read(pipe, output == Output::Seen));
        let stderr = child.stderr.take().map(|pipe| read(pipe, false));
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(child.wait()));
        let status = match told.recv_timeout(self.limit) {
            Ok(status) => Some(status.with_context(|| format!("cannot wait for `{self}`"))?),
            Err(_) => {
                group.signal(Signal::SIGTERM);
                let _ = told.recv_timeout(GRACE);
                group.signal(Signal::SIGKILL);
                None
            }
        };
        // A process that outlives its leader may hold the pipes open: it belongs to the group and ends with it.
        let text = |pipe: Option<mpsc::Receiver<Vec<u8>>>| {
            let Some(pipe) = pipe else { return String::new() };
            let bytes = pipe.recv_timeout(GRACE).or_else(|_| {
                group.signal(Signal::SIGKILL);
                pipe.recv_timeout(GRACE)
            });
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        Ok(Ended { status, stdout: text(stdout), stderr: text(stderr), line: self.to_string(), limit: self.limit })
    }
}

impl Ended {
    /// Whether it exited with zero.
    pub fn ok(&self) -> bool {
        self.status.is_some_and(|s| s.success())
    }

    /// An error unless it exited with zero in time.
    pub fn check(self) -> Result<Ended> {
        let wrote = [self.stdout.trim_end(), self.stderr.trim_end()].join("\n");
        match self.status {
            Some(status) if status.success() => Ok(self),
            Some(status) if self.stderr.is_empty() => bail!("`{}` failed: {status}", self.line),
            Some(status) => bail!("`{}` failed: {status}\n{}", self.line, wrote.trim()),
            None => bail!("`{}` hangs: it was ended after its limit of {} s", self.line, self.limit.as_secs()),
        }
    }
}

/// As a shell line, to be run by hand.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{}={} ", name.display(), quoted(value))?;
        }
        let program = Path::new(&self.program).file_name().unwrap_or(&self.program);
        write!(f, "{}", quoted(program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A running process group, known to the signal handler while this value lives.
struct Group(i32);

impl Group {
    fn of(child: &Child) -> Self {
        let group = child.id() as i32;
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).push(group);
        Group(group)
    }

    fn signal(&self, signal: Signal) {
        // An error means that no process of the group is left.
        let _ = killpg(Pid::from_raw(self.0), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|group| *group != self.0);
    }
}

/// Reads a pipe to its end on a thread, showing what comes as it comes.
fn read(mut pipe: impl Read + Send + 'static, show: bool) -> mpsc::Receiver<Vec<u8>> {
    let (send, whole) = mpsc::channel();
    thread::spawn(move || {
        let (mut bytes, mut part) = (vec![], [0; 8192]);
        while let Ok(n @ 1..) = pipe.read(&mut part) {
            if show {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&part[..n]).and_then(|()| out.flush());
            }
            bytes.extend_from_slice(&part[..n]);
        }
        let _ = send.send(bytes);
    });
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_hang_is_ended_with_its_children() {
        let start = Instant::now();
        // The grandchild inherits the pipe: were it left alive, reading would last as long as it does.
        let ended = Cmd::new("sh").args(["-c", "sleep 600 & echo started; wait"]).limit(1).run_kept().unwrap();
        assert!(!ended.ok());
        assert_eq!(ended.stdout, "started\n");
        assert!(ended.check().unwrap_err().to_string().contains("hangs"));
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_background_child_does_not_hold_up_the_end() {
        let start = Instant::now();
        let ended = Cmd::new("sh").args(["-c", "sleep 600 & echo done"]).limit(300).run_kept().unwrap();
        assert!(ended.ok());
        assert_eq!(ended.stdout, "done\n");
        assert!(start.elapsed() < Duration::from_secs(120));
    }

    #[test]
    fn a_failure_carries_status_and_output() {
        let error = Cmd::new("sh").args(["-c", "echo why >&2; exit 3"]).output().unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
        assert!(Cmd::new("/no/such/program").output().is_err());
    }

    #[test]
    fn display_is_a_shell_line() {
        let cmd = Cmd::new("/usr/bin/cargo").args(["test", "a b"]).env("X", "it's");
        assert_eq!(cmd.to_string(), r"X='it'\''s' cargo test 'a b'");
    }
}
