//! Runs spirv-val, with a time limit.

use std::{
    env, fs,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio, id},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// How long spirv-val may take for one module.
const LIMIT: Duration = Duration::from_secs(60);

/// A file that is removed at the end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What spirv-val has against a module, for the oldest Vulkan environment that takes its version.
///
/// # Panics
///
/// If spirv-val cannot be run: a test without it would show nothing.
pub fn validate(words: &[u32]) -> Result<(), String> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("vksvm-spirv-{}-{}.spv", id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let file = File(env::temp_dir().join(name));
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(&file.0, bytes).unwrap();
    let environment = match words.get(1) {
        Some(0x1_0000..0x1_0400) => "vulkan1.1",
        Some(0x1_0400) => "vulkan1.1spv1.4",
        Some(0x1_0500) => "vulkan1.2",
        Some(0x1_0600) => "vulkan1.3",
        version => return Err(format!("version {version:x?} is none from 1.0 to 1.6")),
    };
    let mut child = Command::new("spirv-val")
        .args(["--target-env", environment, "--scalar-block-layout"])
        .arg(&file.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("spirv-val cannot be run; `cargo xtask setup` installs it");
    let mut errors = child.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        let _ = tell.send(text);
    });
    // The pipe closes when spirv-val ends.
    let text = told.recv_timeout(LIMIT);
    if text.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    match text {
        Err(_) => Err(format!("spirv-val took more than {} s", LIMIT.as_secs())),
        Ok(_) if status.success() => Ok(()),
        Ok(text) => Err(format!("spirv-val: {status}\n{text}")),
    }
}
