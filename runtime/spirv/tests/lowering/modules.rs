//! The modules of `corpus/`, and the translations that they are lowered to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vksvm_spirv::{Mirrored, Offset, Table, Translation};

/// A checked-in module.
pub struct Module {
    /// Its path below `corpus/`, without the extension.
    pub name: String,
    pub words: Vec<u32>,
    /// The comment lines on top of its source, without their comment signs.
    pub head: Vec<String>,
}

impl Module {
    /// The value of `name: value` in a comment line on top of the source.
    pub fn says(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

/// The modules that can be lowered.
pub fn corpus() -> Vec<Module> {
    modules("")
}

/// The modules that lowering refuses.
pub fn refused() -> Vec<Module> {
    modules("refused")
}

/// The corpus' directory: that of the crate, or of the one above, if this is compiled for the fuzz targets.
fn directory() -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("corpus"));
    above.find(|dir| dir.join("corpus.glsl").is_file()).expect("the corpus is next to the tests")
}

/// What fuzzing found wrong once: names and words.
pub fn findings() -> Vec<(String, Vec<u32>)> {
    let paths = spirv_in(&directory().with_file_name("tests").join("findings"));
    let named = paths.iter().map(|path| (path.display().to_string(), words(&fs::read(path).unwrap())));
    named.collect()
}

fn modules(below: &str) -> Vec<Module> {
    let paths = spirv_in(&directory().join(below));
    let modules = paths.iter().map(|path| Module {
        name: Path::new(below).join(path.file_stem().unwrap()).to_str().unwrap().into(),
        words: words(&fs::read(path).unwrap()),
        head: head(path),
    });
    modules.collect()
}

/// The SPIR-V files of a directory, sorted.
fn spirv_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension() == Some("spv".as_ref()));
    paths.sort();
    paths
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    words.iter().copied().map(u32::from_le_bytes).collect()
}

fn head(spirv: &Path) -> Vec<String> {
    let (source, comment) = match fs::read_to_string(spirv.with_extension("comp")) {
        Ok(source) => (source, "//"),
        Err(_) => (fs::read_to_string(spirv.with_extension("spvasm")).unwrap(), ";"),
    };
    source.lines().map_while(|line| line.strip_prefix(comment)).map(|line| line.trim().into()).collect()
}

/// One of each kind of translation, and two page sizes.
pub fn translations() -> Vec<(&'static str, Translation)> {
    let table =
        |page_shift| Table { base: 1 << 40, pages: 0x40_0000_u64 >> page_shift, page_shift, entries: 0x7f00_1234_5678 };
    let mirrored = |page_shift, leaf_shift| Mirrored { root: 0x7f00_1234_5670, page_shift, leaf_shift };
    vec![
        ("identity", Translation::Identity),
        ("offset", Translation::Offset(Offset(0x1234_5678_0000))),
        ("table", Translation::Table(table(16))),
        ("small_table", Translation::Table(table(8))),
        ("mirrored", Translation::Mirrored(mirrored(16, 16))),
        ("small_mirrored", Translation::Mirrored(mirrored(8, 20))),
    ]
}
