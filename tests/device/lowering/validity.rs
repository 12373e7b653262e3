//! The program spirv-val on modules, several at once, each for a bounded time.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// No module of a test takes nearly as long.
const LIMIT: Duration = Duration::from_secs(30);

/// SPIR-V 1.6 in a module's header.
const SPIRV_1_6: u32 = 0x0001_0600;

/// Whether there is a spirv-val.
pub fn is_installed() -> bool {
    let version = Command::new("spirv-val").arg("--version").stdin(Stdio::null()).output();
    version.is_ok_and(|output| output.status.success())
}

/// A module that is being looked at.
pub struct Check(mpsc::Receiver<Result<(), String>>);

/// Starts looking at a module.
pub fn start(words: &[u32]) -> Check {
    let version = words.get(1).copied().unwrap_or_default();
    let environment = if version >= SPIRV_1_6 { "vulkan1.3" } else { "vulkan1.2" };
    let bytes: Vec<u8> = bytemuck::cast_slice(words).to_vec();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let arguments = ["--target-env", environment, "--scalar-block-layout", "-"];
        // Nobody may listen any more.
        let _ = send.send(filter("spirv-val", &arguments, &bytes).and_then(|output| {
            if output.status.success() {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            Err(format!("{environment}: {}: {text}", output.status))
        }));
    });
    Check(receive)
}

impl Check {
    /// What spirv-val says, if anything.
    pub fn finish(self) -> Result<(), String> {
        self.0.recv_timeout(LIMIT).unwrap_or_else(|_| Err(format!("spirv-val has not ended after {LIMIT:?}")))
    }
}

/// Runs a program that reads `input` and is given as much time as `timeout` allows it.
pub fn filter(program: &str, arguments: &[&str], input: &[u8]) -> Result<Output, String> {
    let run = || {
        let seconds = LIMIT.as_secs().to_string();
        let mut child = Command::new("timeout")
            .args(["--kill-after=5", &seconds, program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // These programs read everything before they write anything. One that ends early says why itself.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        child.wait_with_output()
    };
    run().map_err(|error| format!("{program}: {error}"))
}
