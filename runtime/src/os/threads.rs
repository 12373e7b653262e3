//! Owns the library's threads: their start; and the answer to which threads this process has.

use crate::error::{Error, OsError, Result};
use std::thread::{Builder, JoinHandle};

/// Starts a thread of the library's own.
///
/// # Errors
/// [`Error::Os`] where the system has no room for one.
pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(run).map_err(|error| Error::Os {
        call: "clone",
        doing: "starting a thread of the library",
        os: OsError(error.raw_os_error().unwrap_or(0)),
    })
}

/// The system's number of this thread. In service, too.
pub(crate) fn current() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

/// The name of a thread of this process; `None` where it has ended, or procfs is not mounted.
pub(crate) fn name(id: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/self/task/{id}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The system's numbers of this process's threads, in ascending order: what `gettid` returns in each. Empty where procfs is
/// not mounted.
pub(crate) fn ids() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc/self/task") else { return vec![] };
    let mut ids: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_is_listed_while_it_lives() {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let own = std::fs::read_link("/proc/thread-self").unwrap();
            tell.send(own.file_name().unwrap().to_str().unwrap().parse::<u32>().unwrap()).unwrap();
            ended.recv().unwrap_err();
        });
        let id = told.recv().unwrap();
        assert!(ids().contains(&id) && ids().contains(&std::process::id()), "{id} in {:?}", ids());
        drop(end);
        thread.join().unwrap();
    }
}
