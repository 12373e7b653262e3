//! `shaders/manifest.json`: what each checked-in SPIR-V file was compiled from, as hashes, so that a build without
//! shaderc can tell whether a file is stale.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::includes;

/// The manifest's path in the checkout.
const PATH: &str = "shaders/manifest.json";

/// Where the includes of shared Rust types are written.
pub const INCLUDE_DIR: &str = "shaders/include";

/// Where shaders lie, and where their includes are looked for next to their own directories. The library is published
/// alone, so its shaders use its own includes only.
const SOURCE_DIRS: [(&str, &str); 4] = [
    ("shaders/kernels", INCLUDE_DIR),
    ("tests", INCLUDE_DIR),
    ("runtime/src", "runtime/src/kernel"),
    ("runtime/spirv/corpus", "runtime/spirv/corpus"),
];

/// How sources end: GLSL and SPIR-V assembly.
const SOURCE_EXTENSIONS: [&str; 2] = ["comp", "spvasm"];

/// Compiler and options. A change makes every file stale.
pub const COMPILER: &str = "shaderc crate 0.10.1 built from source, Vulkan 1.2, optimised for performance";

/// The file's content.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    compiler: String,
    /// By source file.
    shaders: BTreeMap<String, Hashes>,
}

/// SHA-256 hashes in hexadecimal.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Hashes {
    /// Of the source's text with its includes in place.
    source: String,
    /// Of the SPIR-V file.
    spirv: String,
}

/// Every source below the source directories, as paths in the checkout, sorted.
pub fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![];
    let dirs = SOURCE_DIRS.iter().map(|(dir, _)| PathBuf::from(dir));
    let mut open: Vec<PathBuf> = dirs.filter(|dir| root.join(dir).is_dir()).collect();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(root.join(&dir)).with_context(|| format!("cannot list {}", dir.display()))? {
            let (entry, path) = entry.map(|entry| (entry.file_type(), dir.join(entry.file_name())))?;
            if entry?.is_dir() {
                open.push(path);
            } else if SOURCE_EXTENSIONS.iter().any(|end| path.extension() == Some(end.as_ref())) {
                found.push(path);
            }
        }
    }
    found.sort();
    if let Some(pair) = found.windows(2).find(|pair| spirv_of(&pair[0]) == spirv_of(&pair[1])) {
        bail!("{} and {} would have the same SPIR-V file", pair[0].display(), pair[1].display());
    }
    Ok(found)
}

/// The SPIR-V file of a source: beside it, `saxpy.comp` and `saxpy.spv`.
pub fn spirv_of(source: &Path) -> PathBuf {
    source.with_extension("spv")
}

/// The directory, in the checkout, that `source` has its includes from.
pub fn include_dir(source: &Path) -> &'static Path {
    let dirs = SOURCE_DIRS.iter().find(|(dir, _)| source.starts_with(dir));
    Path::new(dirs.map_or(INCLUDE_DIR, |(_, includes)| includes))
}

impl Manifest {
    /// What the files in the checkout amount to. Every source must have its SPIR-V file.
    fn computed(root: &Path) -> Result<Self> {
        let mut shaders = BTreeMap::new();
        for source in sources(root)? {
            let spirv =
                fs::read(root.join(spirv_of(&source))).with_context(|| format!("no SPIR-V of {}", source.display()))?;
            let hashes = Hashes { source: source_hash(root, &source)?, spirv: hash(&spirv) };
            shaders.insert(name(&source), hashes);
        }
        Ok(Manifest { compiler: COMPILER.into(), shaders })
    }

    fn read(root: &Path) -> Result<Self> {
        let Ok(text) = fs::read_to_string(root.join(PATH)) else { return Ok(Manifest::default()) };
        serde_json::from_str(&text).with_context(|| format!("{PATH} is damaged"))
    }
}

/// Writes the manifest for the files as they are.
pub fn write(root: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(&Manifest::computed(root)?)? + "\n";
    fs::write(root.join(PATH), text).with_context(|| format!("cannot write {PATH}"))
}

/// Fails with the name of each file that is stale; returns how many shaders there are.
pub fn check(root: &Path) -> Result<String> {
    let manifest = Manifest::read(root)?;
    let sources = sources(root)?;
    let mut stale = vec![];
    if manifest.compiler != COMPILER && !sources.is_empty() {
        stale.push(format!("{PATH}: not written by this compiler and these options"));
    }
    for source in &sources {
        let Some(recorded) = manifest.shaders.get(&name(source)) else {
            stale.push(format!("{}: not in {PATH}", source.display()));
            continue;
        };
        match source_hash(root, source) {
            Ok(now) if now == recorded.source => {}
            Ok(_) => stale.push(format!("{}: it or an include has changed since it was compiled", source.display())),
            Err(error) => stale.push(format!("{}: {error:#}", source.display())),
        }
        let spirv = spirv_of(source);
        match fs::read(root.join(&spirv)) {
            Ok(bytes) if hash(&bytes) == recorded.spirv => {}
            Ok(_) => stale.push(format!("{}: is not what was compiled", spirv.display())),
            Err(error) => stale.push(format!("{}: {error}", spirv.display())),
        }
    }
    for gone in manifest.shaders.keys().filter(|known| !sources.iter().any(|source| name(source) == **known)) {
        stale.push(format!("{gone}: in {PATH}, but gone"));
    }
    if stale.is_empty() {
        return Ok(format!("{} shaders", sources.len()));
    }
    bail!("stale; `cargo xtask shaders` writes them anew:\n  {}", stale.join("\n  "))
}

fn name(source: &Path) -> String {
    source.to_string_lossy().into_owned()
}

fn source_hash(root: &Path, source: &Path) -> Result<String> {
    let text = includes::resolved(&root.join(source), &root.join(include_dir(source)))?;
    Ok(hash(text.as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Checkout(PathBuf);

    impl Checkout {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("xtask-manifest-{name}-{}", std::process::id()));
            for dir in ["shaders/kernels", "shaders/include", "runtime/src/gpu"] {
                fs::create_dir_all(root.join(dir)).unwrap();
            }
            let checkout = Checkout(root);
            checkout.put("shaders/include/t.glsl", "struct T { int a; };");
            checkout.put("shaders/kernels/a.comp", "#include \"t.glsl\"\nvoid main() {}");
            checkout.put("shaders/kernels/a.spv", "spirv of a");
            checkout.put("runtime/src/gpu/probe.comp", "void main() {}");
            checkout.put("runtime/src/gpu/probe.spv", "spirv of probe");
            write(&checkout.0).unwrap();
            checkout
        }

        fn put(&self, file: &str, text: &str) {
            fs::write(self.0.join(file), text).unwrap();
        }

        fn stale(&self) -> String {
            check(&self.0).unwrap_err().to_string()
        }
    }

    impl Drop for Checkout {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn sha256() {
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn fresh_files_pass() {
        assert_eq!(check(&Checkout::new("fresh").0).unwrap(), "2 shaders");
    }

    #[test]
    fn a_changed_include_makes_its_users_stale_and_no_other() {
        let checkout = Checkout::new("include");
        checkout.put("shaders/include/t.glsl", "struct T { int b; };");
        assert!(checkout.stale().contains("a.comp: it or an include has changed"));
        assert!(!checkout.stale().contains("probe"));
    }

    #[test]
    fn the_librarys_shaders_use_its_own_includes() {
        assert_eq!(include_dir(Path::new("runtime/src/gpu/probe.comp")), Path::new("runtime/src/kernel"));
        assert_eq!(include_dir(Path::new("tests/kernels/a.comp")), Path::new("shaders/include"));
        let checkout = Checkout::new("own");
        checkout.put("runtime/src/gpu/probe.comp", "#include \"t.glsl\"");
        assert!(checkout.stale().contains("no 't.glsl' in"));
    }

    #[test]
    fn a_changed_or_missing_binary_is_named() {
        let checkout = Checkout::new("binary");
        checkout.put("runtime/src/gpu/probe.spv", "other");
        assert!(checkout.stale().contains("probe.spv: is not what was compiled"));
        fs::remove_file(checkout.0.join("runtime/src/gpu/probe.spv")).unwrap();
        assert!(checkout.stale().contains("runtime/src/gpu/probe.spv: "));
        assert!(write(&checkout.0).is_err());
    }

    #[test]
    fn new_and_removed_sources_are_named() {
        let checkout = Checkout::new("new");
        checkout.put("shaders/kernels/b.comp", "void main() {}");
        assert!(checkout.stale().contains("b.comp: not in shaders/manifest.json"));
        fs::remove_file(checkout.0.join("shaders/kernels/a.comp")).unwrap();
        assert!(checkout.stale().contains("a.comp: in shaders/manifest.json, but gone"));
    }

    #[test]
    fn assembly_is_a_source_too() {
        let checkout = Checkout::new("assembly");
        checkout.put("runtime/src/gpu/raw.spvasm", "OpCapability Shader");
        assert!(checkout.stale().contains("raw.spvasm: not in shaders/manifest.json"));
        checkout.put("runtime/src/gpu/raw.spv", "spirv of raw");
        write(&checkout.0).unwrap();
        assert_eq!(check(&checkout.0).unwrap(), "3 shaders");
        checkout.put("runtime/src/gpu/raw.comp", "void main() {}");
        assert!(checkout.stale().contains("would have the same SPIR-V file"));
    }

    #[test]
    fn another_compiler_or_a_damaged_manifest() {
        let checkout = Checkout::new("compiler");
        let text = fs::read_to_string(checkout.0.join(PATH)).unwrap();
        checkout.put(PATH, &text.replace("Vulkan 1.2", "Vulkan 1.0"));
        assert!(checkout.stale().contains("not written by this compiler"));
        checkout.put(PATH, "{");
        assert!(checkout.stale().contains("damaged"));
    }
}
