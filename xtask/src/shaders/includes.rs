//! `#include` in GLSL: finding the file, and the text that a shader amounts to once all its includes are in place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The name in an `#include` line; none for any other line.
fn included(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.trim();
    let (end, rest) = match rest.as_bytes().first()? {
        b'"' => ('"', &rest[1..]),
        b'<' => ('>', &rest[1..]),
        _ => return None,
    };
    rest.split_once(end).map(|(name, _)| name)
}

/// The file that `name` means in a source that lies in `beside`: one there, else one in the include directory.
pub fn find(name: &str, beside: &Path, include_dir: &Path) -> Result<PathBuf> {
    let found = [beside, include_dir].iter().map(|dir| dir.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("no '{name}' in {} or {}", beside.display(), include_dir.display()))
}

/// The text of `source` with every include in place of its line, recursively. Guards are not evaluated: what a
/// preprocessor may leave out is in it too, so that the text changes whenever a file that is named changes.
pub fn resolved(source: &Path, include_dir: &Path) -> Result<String> {
    let mut text = String::new();
    append(source, include_dir, &mut vec![], &mut text)?;
    Ok(text)
}

fn append(source: &Path, include_dir: &Path, open: &mut Vec<PathBuf>, text: &mut String) -> Result<()> {
    if open.iter().any(|path| path == source) {
        bail!("{} includes itself", source.display());
    }
    let lines = fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    open.push(source.to_owned());
    for (number, line) in lines.lines().enumerate() {
        match included(line) {
            Some(name) => {
                let beside = source.parent().unwrap_or(Path::new("."));
                let found = find(name, beside, include_dir);
                let found = found.with_context(|| format!("{}:{}", source.display(), number + 1))?;
                append(&found, include_dir, open, text)?;
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    open.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files, removed at the end.
    pub struct Files(pub PathBuf);

    impl Files {
        pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let dir = std::env::temp_dir().join(format!("xtask-includes-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = dir.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Files(dir)
        }

        fn resolved(&self, source: &str) -> Result<String> {
            resolved(&self.0.join(source), &self.0.join("include"))
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn include_lines() {
        assert_eq!(included("#include \"a.glsl\""), Some("a.glsl"));
        assert_eq!(included("  #  include <b/c.glsl> // why"), Some("b/c.glsl"));
        for line in
            ["// #include \"a\"", "#extension GL_GOOGLE_include_directive : require", "#include a", "", "#include \"a"]
        {
            assert_eq!(included(line), None, "{line}");
        }
    }

    #[test]
    fn nested_and_beside_before_the_include_directory() {
        let files = Files::new(
            "nested",
            &[
                ("k/a.comp", "first\n#include \"b.glsl\"\n#include \"d.glsl\"\nlast"),
                ("k/b.glsl", "own\n"),
                ("include/b.glsl", "not this\n"),
                ("include/d.glsl", "#include \"e.glsl\"\n"),
                ("include/e.glsl", "deep\n"),
            ],
        );
        assert_eq!(files.resolved("k/a.comp").unwrap(), "first\nown\ndeep\nlast\n");
    }

    #[test]
    fn a_missing_include_names_the_line_and_a_loop_ends() {
        let files = Files::new("bad", &[("a.comp", "x\n#include \"none.glsl\""), ("b.comp", "#include \"b.comp\"")]);
        let error = format!("{:#}", files.resolved("a.comp").unwrap_err());
        assert!(error.contains("a.comp:2") && error.contains("none.glsl"), "{error}");
        assert!(files.resolved("b.comp").unwrap_err().to_string().contains("includes itself"));
        assert!(files.resolved("c.comp").unwrap_err().to_string().contains("cannot read"));
    }
}
