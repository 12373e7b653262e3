//! What a run did: its operations, as they begin, in a file that outlives a crash, and how many of each there were.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::PathBuf,
    process::abort,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Names the file.
pub const FILE: &str = "VKSVM_TEST_OPERATIONS";

/// No operation takes nearly as long, on two busy cores and under validation.
const STUCK: Duration = Duration::from_secs(60);

/// Shared by the threads of a run.
pub struct Record {
    file: Mutex<Option<File>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// Goes up with each operation, so that somebody can see that there are any.
    progress: AtomicU64,
}

impl Record {
    /// Writes to the file that the environment names. Ends the process when nothing happens any more.
    pub fn new() -> Arc<Self> {
        let file = std::env::var_os(FILE).map(PathBuf::from).and_then(|path| File::create(path).ok());
        let record = Arc::new(Record { file: Mutex::new(file), counts: Mutex::default(), progress: AtomicU64::new(0) });
        let watched = Arc::downgrade(&record);
        thread::spawn(move || {
            let mut last = u64::MAX;
            while let Some(record) = watched.upgrade() {
                let now = record.progress.load(SeqCst);
                if now == last {
                    eprintln!("hangs: no operation has begun or ended for {STUCK:?}");
                    abort();
                }
                last = now;
                drop(record);
                thread::sleep(STUCK);
            }
        });
        record
    }

    /// An operation begins.
    pub fn line(&self, name: &'static str, what: impl FnOnce() -> String) {
        self.count(name, 1);
        if let Some(file) = &mut *self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            // One write each: nothing is buffered when the process dies. A full disk is no reason to stop.
            let _ = file.write_all(format!("{name} {}\n", what()).as_bytes());
        }
    }

    /// Operations that are too many for a line each.
    pub fn count(&self, name: &'static str, times: u64) {
        self.progress.fetch_add(1, SeqCst);
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += times;
    }

    /// Forgets the operations of a life that ended well.
    pub fn next_life(&self, line: &str) {
        self.progress.fetch_add(1, SeqCst);
        if let Some(file) = &mut *self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = file.set_len(0);
            let _ = std::io::Seek::rewind(file);
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    pub fn of(&self, name: &str) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
