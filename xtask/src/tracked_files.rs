//! Checks that no file of the repository betrays the machine it was written on: its directories, and the hosts that it
//! gets packages from. The words are computed from the machine, so that none of them is in the repository.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::{apt_sources, process::Cmd};

/// Directories that every machine has: naming them betrays nothing.
const COMMON: [&str; 8] = ["/", "/tmp", "/home", "/var", "/var/tmp", "/usr", "/opt", "/srv"];

/// Fails with every file and line that has a refused word; returns how many files were read.
pub fn check(root: &Path) -> Result<String> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let Ok(files) = Cmd::new("git").args(list).dir(root).output() else {
        return Ok("not a git checkout: nothing to read".into());
    };
    let words = refused_words(root);
    let (mut read, mut found) = (0, vec![]);
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        // A file that is deleted but not yet committed is no longer there.
        let Ok(bytes) = fs::read(root.join(file)) else { continue };
        read += 1;
        found.extend(finds(&bytes, &words).into_iter().map(|(line, word)| format!("{file}:{line}: {word}")));
    }
    if found.is_empty() {
        Ok(format!("{read} files"))
    } else {
        bail!("words of this machine:\n  {}", found.join("\n  "))
    }
}

/// The home directory, the checkout and its parent, and the hosts of apt's and cargo's configured sources.
fn refused_words(root: &Path) -> BTreeSet<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let paths = [home.clone(), Some(root.to_owned()), root.parent().map(Path::to_owned)];
    let paths = paths.into_iter().flatten().map(|path| path.to_string_lossy().trim_end_matches('/').to_owned());
    let paths = paths.filter(|path| path.len() > 1 && !COMMON.contains(&path.as_str()));
    // With the slash: a directory below it, not a longer name or a word in prose.
    let mut words: BTreeSet<String> = paths.map(|path| format!("{path}/")).collect();

    let sources = apt_sources::read(Path::new("/etc/apt"));
    let mut uris: Vec<String> = sources.into_iter().flat_map(|source| source.uris).collect();
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home.map(|home| home.join(".cargo")));
    for name in ["config.toml", "config"] {
        let config = cargo_home.as_ref().and_then(|dir| fs::read_to_string(dir.join(name)).ok());
        uris.extend(config.unwrap_or_default().split(['"', '\'']).map(str::to_owned));
    }
    let cargo = ["CARGO_REGISTRIES_", "CARGO_SOURCE_", "CARGO_HTTP_"];
    let is_source = |name: &str| {
        name.to_ascii_lowercase().ends_with("_proxy") || cargo.iter().any(|prefix| name.starts_with(prefix))
    };
    uris.extend(std::env::vars().filter(|(name, _)| is_source(name)).map(|(_, value)| value));
    words.extend(uris.iter().filter_map(|uri| host(uri)).filter(|host| !is_public_forge(host)));
    words
}

/// The host of a URI such as `sparse+https://user@host:80/path`.
fn host(uri: &str) -> Option<String> {
    let rest = uri.split_once("://")?.1;
    let host = rest.split('/').next()?.rsplit('@').next()?.split(':').next()?;
    // A bare name such as `localhost` is a word like others.
    (host.contains('.') && !host.contains(char::is_whitespace)).then(|| host.to_ascii_lowercase())
}

/// `Cargo.lock` itself names the forge that hosts the registry's index.
fn is_public_forge(host: &str) -> bool {
    host == "github.com"
}

/// Lines, counted from 1, with each refused word that they have.
fn finds(bytes: &[u8], words: &BTreeSet<String>) -> Vec<(usize, String)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').enumerate();
    lines
        .flat_map(|(number, line)| {
            words.iter().filter(move |word| has(line, word)).map(move |word| (number + 1, word.clone()))
        })
        .collect()
}

/// Whether `line` has `word` other than as the tail of a longer path or name.
fn has(line: &str, word: &str) -> bool {
    let continues = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn names_line_and_word_in_text_and_binary() {
        let words = words(&["/home/me/", "mirror.example"]);
        assert_eq!(finds(b"a\nsee /home/me/x\n", &words), [(2, "/home/me/".into())]);
        assert_eq!(finds(b"\xff\xfe\0/home/me/k.comp\0", &words), [(1, "/home/me/".into())]);
        assert_eq!(finds(b"http://mirror.example/debian", &words), [(1, "mirror.example".into())]);
        assert_eq!(finds(b"/home/meadow/ /srv/home/me/ not-mirror.example", &words), []);
    }

    #[test]
    fn hosts() {
        assert_eq!(host("http://mirror.example/debian").as_deref(), Some("mirror.example"));
        assert_eq!(host("sparse+https://u:p@Cache.example:8080/index/").as_deref(), Some("cache.example"));
        for uri in ["mirror+file:/etc/apt/list", "file:///srv/debian", "http://localhost/x", "text", ""] {
            assert_eq!(host(uri), None, "{uri}");
        }
    }

    #[test]
    fn the_checkout_is_refused_and_common_directories_are_not() {
        let words = refused_words(Path::new("/tmp/clone-of-mine"));
        assert!(words.contains("/tmp/clone-of-mine/") && !words.contains("/tmp/"));
    }

    #[test]
    fn a_file_that_names_its_checkout_is_found() {
        let root = std::env::temp_dir().join(format!("xtask-tracked-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Cmd::new("git").args(["init", "-q"]).dir(&root).run().unwrap();
        fs::write(root.join("fine.txt"), "nothing").unwrap();
        assert_eq!(check(&root).unwrap(), "1 files");
        fs::write(root.join("bad.txt"), format!("built in {}/src", root.display())).unwrap();
        let error = check(&root).unwrap_err().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert!(error.contains("bad.txt:1: "), "{error}");
    }
}
