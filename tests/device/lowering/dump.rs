//! Modules before and after lowering, and their disassembly, in files for people.

use super::{case::Case, job::Id, validity::filter, ways::Way};
use std::{fs, path::PathBuf};

/// A directory for a case's files.
pub struct Dump(PathBuf);

impl Dump {
    pub fn new(id: &Id) -> Self {
        let name = id.to_string().replace(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-', "-");
        Dump(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lowering").join(name))
    }

    /// Writes them, and what memory held before and after, and says where, or why not.
    pub fn write<'w>(
        &self,
        case: &Case,
        lowered: impl Iterator<Item = (Way, &'w [u32])>,
        images: &[(Way, Vec<u8>)],
    ) -> String {
        let image = |name: &str, bytes: &[u8]| {
            fs::write(self.0.join(format!("{name}.image")), bytes).map_err(|error| error.to_string())
        };
        let write = || {
            fs::create_dir_all(&self.0).map_err(|error| error.to_string())?;
            self.module("before", &case.words)?;
            image("before", &case.image)?;
            for (way, words) in lowered {
                self.module(&way.to_string(), words)?;
            }
            images.iter().try_for_each(|(way, bytes)| image(&way.to_string(), bytes))
        };
        match write() {
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
