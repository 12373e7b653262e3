//! apt's configured sources, in both forms (one-line `.list`, deb822 `.sources`): where this machine gets its
//! packages from, so that setup can ask the same mirror for another suite of the same archive.

use std::{fs, path::Path};

/// One enabled source of binary packages. A line or stanza of several types, URIs or suites is one source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// Where: `http:`, `https:`, `mirror+file:` … URIs.
    pub uris: Vec<String>,
    /// Suites, e.g. `bookworm bookworm-updates`.
    pub suites: Vec<String>,
    /// Components, e.g. `main`.
    pub components: Vec<String>,
    /// The key, as configured: a file, fingerprints, or an embedded key of several lines.
    pub signed_by: Option<String>,
    /// Whether the machine's owner has said to trust it without a signature.
    pub trusted: bool,
}

impl Source {
    /// The same mirror and key for another suite, component `main`, as a deb822 stanza.
    pub fn stanza_for(&self, suite: &str) -> String {
        let mut stanza = format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n", self.uris.join(" "));
        if let Some(key) = &self.signed_by {
            // An embedded key goes on its continuation lines as it came.
            stanza += &if key.starts_with('\n') { format!("Signed-By:{key}\n") } else { format!("Signed-By: {key}\n") };
        }
        if self.trusted {
            stanza += "Trusted: yes\n";
        }
        stanza
    }
}

/// The source to ask for `CODENAME-backports`: one that has it already, else one with the release itself.
pub fn for_backports<'a>(sources: &'a [Source], codename: &str) -> Option<&'a Source> {
    let backports = format!("{codename}-backports");
    // A machine may name its release by its role; the mirror has the same suites under either name.
    [backports.as_str(), codename, "stable", "oldstable"].iter().find_map(|wanted| {
        sources.iter().find(|source| {
            source.suites.iter().any(|suite| suite == wanted)
                && source.components.iter().any(|component| component == "main")
        })
    })
}

/// All enabled sources under `etc_apt`, in apt's order.
pub fn read(etc_apt: &Path) -> Vec<Source> {
    let mut sources = parse_list(&fs::read_to_string(etc_apt.join("sources.list")).unwrap_or_default());
    let parts = fs::read_dir(etc_apt.join("sources.list.d")).into_iter().flatten().flatten();
    let mut parts: Vec<_> = parts.map(|entry| entry.path()).collect();
    parts.sort();
    for part in parts {
        let text = || fs::read_to_string(&part).unwrap_or_default();
        match part.extension().and_then(|e| e.to_str()) {
            Some("list") => sources.extend(parse_list(&text())),
            Some("sources") => sources.extend(parse_deb822(&text())),
            _ => {}
        }
    }
    sources
}

/// The one-line form: `deb [option=value …] uri suite component…`.
pub fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let mut source = Source { uris: vec![words.next()?], suites: vec![words.next()?], ..Source::default() };
    source.components = words.collect();
    for option in options.split_whitespace() {
        match option.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("signed-by") => source.signed_by = Some(value.into()),
            Some((name, value)) if name.eq_ignore_ascii_case("trusted") => source.trusted = yes(value),
            _ => {}
        }
    }
    usable(source)
}

/// The deb822 form: stanzas of `Field: value`, continued on indented lines.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = vec![];
    let mut fields: Vec<(String, String)> = vec![];
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(from_fields(&std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                *value = format!("{value}\n{line}");
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn from_fields(fields: &[(String, String)]) -> Option<Source> {
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let words = |name| value(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if !words("types").iter().any(|kind| kind == "deb") || value("enabled").is_some_and(|e| !yes(e)) {
        return None;
    }
    usable(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: value("signed-by").map(str::to_owned),
        trusted: value("trusted").is_some_and(yes),
    })
}

/// Drops installation media, which have no other suites.
fn usable(mut source: Source) -> Option<Source> {
    source.uris.retain(|uri| !uri.starts_with("cdrom:"));
    (!source.uris.is_empty()).then_some(source)
}

fn yes(value: &str) -> bool {
    ["yes", "true", "with", "on", "enable", "1"].contains(&value.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_form() {
        let sources = parse_list(
            "# a comment\n\
             deb http://mirror.example/debian bookworm main contrib # tail\n\
             deb-src http://mirror.example/debian bookworm main\n\
             deb [ arch=amd64 signed-by=/keys/a.gpg trusted=yes ] https://b.example/x stable main\n\
             deb cdrom:[Debian]/ bookworm main\n\
             deb\n",
        );
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].uris, ["http://mirror.example/debian"]);
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!((sources[0].signed_by.as_deref(), sources[0].trusted), (None, false));
        assert_eq!((sources[1].signed_by.as_deref(), sources[1].trusted), (Some("/keys/a.gpg"), true));
    }

    #[test]
    fn deb822_form() {
        let sources = parse_deb822(
            "Types: deb deb-src\n# http://old.example\nURIs: http://mirror.example/debian\n\
             Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /keys/a.gpg\n\n\
             types: deb\nuris: http://mirror.example/security\nsuites: bookworm-security\ncomponents: main\n\n\
             Types: deb\nEnabled: no\nURIs: http://off.example/\nSuites: bookworm\nComponents: main\n\n\n\
             Types: deb-src\nURIs: http://src.example/\nSuites: bookworm\nComponents: main\n",
        );
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/keys/a.gpg"));
        assert_eq!(sources[1].suites, ["bookworm-security"]);
    }

    #[test]
    fn an_embedded_key_survives() {
        let text = "Types: deb\nURIs: http://m.example/d\nSuites: bookworm\nComponents: main\nSigned-By:\n \
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let stanza = parse_deb822(text)[0].stanza_for("bookworm-backports");
        assert!(stanza.contains("Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"), "{stanza}");
        assert_eq!(parse_deb822(&stanza)[0].signed_by, parse_deb822(text)[0].signed_by);
    }

    #[test]
    fn the_same_mirror_and_key_for_another_suite() {
        let sources = parse_list("deb [signed-by=/keys/a.gpg] mirror+file:/etc/m.list bookworm main");
        assert_eq!(
            sources[0].stanza_for("bookworm-backports"),
            "Types: deb\nURIs: mirror+file:/etc/m.list\nSuites: bookworm-backports\nComponents: main\n\
             Signed-By: /keys/a.gpg\n"
        );
    }

    #[test]
    fn choice() {
        let list = "deb http://sec.example/ bookworm-security main\ndeb http://free.example/ bookworm non-free\n\
                    deb http://m.example/ bookworm main\n";
        let sources = parse_list(list);
        assert_eq!(for_backports(&sources, "bookworm").unwrap().uris, ["http://m.example/"]);
        let sources = parse_list(&format!("{list}deb http://bp.example/ bookworm-backports main\n"));
        assert_eq!(for_backports(&sources, "bookworm").unwrap().uris, ["http://bp.example/"]);
        let sources = parse_list("deb http://old.example/ oldstable main");
        assert_eq!(for_backports(&sources, "bookworm").unwrap().uris, ["http://old.example/"]);
        assert_eq!(for_backports(&parse_list("deb http://u.example/ jammy main"), "bookworm"), None);
    }

    #[test]
    fn both_forms_are_read_from_a_directory() {
        let dir = std::env::temp_dir().join(format!("xtask-apt-{}", std::process::id()));
        fs::create_dir_all(dir.join("sources.list.d")).unwrap();
        fs::write(dir.join("sources.list"), "deb http://one.example/ a main\n").unwrap();
        fs::write(dir.join("sources.list.d/b.list"), "deb http://two.example/ b main\n").unwrap();
        let stanza = "Types: deb\nURIs: http://three.example/\nSuites: c\nComponents: main\n";
        fs::write(dir.join("sources.list.d/c.sources"), stanza).unwrap();
        fs::write(dir.join("sources.list.d/d.list.disabled"), "deb http://no.example/ d main\n").unwrap();
        let suites: Vec<_> = read(&dir).into_iter().flat_map(|source| source.suites).collect();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(suites, ["a", "b", "c"]);
    }
}
