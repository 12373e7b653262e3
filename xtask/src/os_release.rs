//! Which distribution this is: `/etc/os-release`.

use std::fs;

/// The fields that setup decides by.
#[derive(Debug, Default, PartialEq)]
pub struct OsRelease {
    /// `ID`, e.g. `debian`.
    pub id: String,
    /// `ID_LIKE`, the distributions that it derives from.
    pub like: Vec<String>,
    /// `VERSION_ID`, e.g. `12`; empty where the system has none.
    pub version: String,
    /// `PRETTY_NAME`, for messages.
    pub name: String,
}

impl OsRelease {
    /// This machine's. A system without the file is an unknown one.
    pub fn read() -> Self {
        let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
        OsRelease::parse(&text.unwrap_or_default())
    }

    /// Parses the file's text: shell assignments, values plain or quoted.
    pub fn parse(text: &str) -> Self {
        let mut found = OsRelease::default();
        for line in text.lines() {
            let Some((name, value)) = line.trim().split_once('=') else { continue };
            let value = unquoted(value.trim());
            match name {
                "ID" => found.id = value,
                "ID_LIKE" => found.like = value.split_whitespace().map(str::to_owned).collect(),
                "VERSION_ID" => found.version = value,
                "PRETTY_NAME" => found.name = value,
                _ => {}
            }
        }
        if found.name.is_empty() {
            found.name = if found.id.is_empty() { "an unknown system".into() } else { found.id.clone() };
        }
        found
    }

    /// Whether packages have Debian's names and come by apt.
    pub fn is_debian_family(&self) -> bool {
        let family = ["debian", "ubuntu"];
        family.contains(&self.id.as_str()) || self.like.iter().any(|like| family.contains(&like.as_str()))
    }

    /// Whether this is Debian 12 itself: derivatives have other archives.
    pub fn is_debian_12(&self) -> bool {
        self.id == "debian" && self.version == "12"
    }
}

fn unquoted(value: &str) -> String {
    let Some(quote @ ('"' | '\'')) = value.chars().next() else { return value.to_owned() };
    let inner = value[1..].strip_suffix(quote).unwrap_or(&value[1..]);
    let (mut text, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote == '"' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_12() {
        let os = OsRelease::parse("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n");
        assert!(os.is_debian_12() && os.is_debian_family());
        assert_eq!(os.name, "Debian GNU/Linux 12 (bookworm)");
    }

    #[test]
    fn derivatives_are_family_but_not_debian_12() {
        let os = OsRelease::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID='21.3'\n");
        assert!(os.is_debian_family() && !os.is_debian_12());
        assert_eq!((os.version.as_str(), os.name.as_str()), ("21.3", "linuxmint"));
        assert!(!OsRelease::parse("ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"12\"").is_debian_12());
    }

    #[test]
    fn others_are_neither() {
        for text in ["", "# nothing\n", "ID=fedora\nVERSION_ID=40", "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\""] {
            assert!(!OsRelease::parse(text).is_debian_family(), "{text}");
        }
        assert_eq!(OsRelease::parse("").name, "an unknown system");
    }

    #[test]
    fn escapes() {
        assert_eq!(OsRelease::parse(r#"PRETTY_NAME="a \"b\" \$c""#).name, r#"a "b" $c"#);
    }
}
