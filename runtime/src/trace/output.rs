//! The files that traces and reports go to.

use super::{Recording, chrome, report};
use crate::error::{Error, OsError, Result};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A file that a recording is to be written to: opened before the run, so that one which cannot be written is found before there is something
/// to lose. What was in it is there until then.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| unwritable(&path, &error))?;
        Ok(Output { path, file })
    }

    /// Writes the recording as a trace that Perfetto and `chrome://tracing` read (the Trace Event Format, JSON): kernels by the
    /// device's clock, moves by their cause, CPU faults by thread, device memory in use.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn chrome(self, recording: &Recording) -> Result<()> {
        self.write(|to| chrome::write(recording, to))
    }

    /// Writes a page for people: where memory was at which time, what was moved why, and what that means. It is one HTML file that needs
    /// no network.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn report(self, recording: &Recording) -> Result<()> {
        self.write(|to| to.write_all(report::page(recording)?.as_bytes()))
    }

    /// Writes [`Recording::accesses`], which the policy lab reads. Nothing is written in unified placement, which has none; returns
    /// whether there was something.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn accesses(self, recording: &Recording) -> Result<bool> {
        let Some(accesses) = recording.accesses() else { return Ok(false) };
        self.write(|to| to.write_all(&accesses))?;
        Ok(true)
    }

    fn write(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let Output { path, file } = self;
        let put = || {
            // Only files have a length: a pipe does not.
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            let mut to = io::BufWriter::new(&file);
            write(&mut to)?;
            to.flush()
        };
        put().map_err(|error| unwritable(&path, &error))
    }
}

impl Recording {
    /// [`Output::chrome`] to the file at `path`.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn write_chrome(&self, path: impl AsRef<Path>) -> Result<()> {
        Output::create(path.as_ref())?.chrome(self)
    }

    /// [`Output::report`] to the file at `path`.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn write_report(&self, path: impl AsRef<Path>) -> Result<()> {
        Output::create(path.as_ref())?.report(self)
    }
}

/// "Input/output error".
const EIO: i32 = 5;

fn unwritable(path: &Path, error: &io::Error) -> Error {
    // What has no number comes from a writer that takes nothing more.
    let os = OsError(error.raw_os_error().unwrap_or(EIO));
    Error::Unwritable { path: path.into(), os }
}
