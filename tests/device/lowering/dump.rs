//! Modules before and after lowering, and their disassembly, in files for people.

use super::{job::Id, validity::filter, ways::Way};
use std::{fs, path::PathBuf};

/// A directory for a case's files.
pub struct Dump(PathBuf);

impl Dump {
    pub fn new(id: &Id) -> Self {
        let name = id.to_string().replace(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-', "-");
        Dump(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lowering").join(name))
    }

    /// Writes them and says where, or why not.
    pub fn modules<'w>(&self, before: &[u32], after: impl Iterator<Item = (Way, &'w [u32])>) -> String {
        let mut all =
            [("before".to_string(), before)].into_iter().chain(after.map(|(way, words)| (way.to_string(), words)));
        let written = fs::create_dir_all(&self.0)
            .map_err(|error| error.to_string())
            .and_then(|()| all.try_for_each(|(name, words)| self.module(&name, words)));
        match written {
            Ok(()) => self.0.display().to_string(),
            Err(error) => format!("{}: {error}", self.0.display()),
        }
    }

    fn module(&self, name: &str, words: &[u32]) -> Result<(), String> {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        let write = |extension: &str, bytes: &[u8]| {
            fs::write(self.0.join(format!("{name}.{extension}")), bytes).map_err(|error| error.to_string())
        };
        write("spv", bytes)?;
        write("spvasm", &filter("spirv-dis", &["--no-color", "--comment", "-"], bytes)?.stdout)
    }
}

impl std::fmt::Display for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}
