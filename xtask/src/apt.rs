//! apt-get: installing packages on the system, as root or through sudo, and asking it privately, in directories of our
//! own, for a suite that the system does not use.

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{apt_sources::Source, process::Cmd};

/// Seconds for updating lists, and for a download with its installation.
const UPDATE: u64 = 300;
const INSTALL: u64 = 900;

/// A mirror that does not answer is given up on soon; another process's package work is waited for.
const PATIENCE: [&str; 8] = [
    "-o",
    "Acquire::http::Timeout=30",
    "-o",
    "Acquire::https::Timeout=30",
    "-o",
    "Acquire::Retries=3",
    "-o",
    "DPkg::Lock::Timeout=120",
];

/// Installs packages. The caller has said which and why.
pub fn install(packages: &[String]) -> Result<()> {
    let privilege = Privilege::find(packages)?;
    if let Err(error) = privilege.apt_get(UPDATE).arg("update").run() {
        // One broken third-party source fails the whole update; what is needed may be in the lists all the same.
        println!("setup: {error:#}; going on with the lists as they are");
    }
    let install = privilege.apt_get(INSTALL).args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.run().with_context(|| format!("cannot install {}", packages.join(" ")))
}

/// The right to install packages.
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    fn find(packages: &[String]) -> Result<Self> {
        if nix::unistd::geteuid().is_root() {
            return Ok(Privilege::Root);
        }
        let by_hand = format!("run as root: apt-get install {}", packages.join(" "));
        if Cmd::new("sudo").args(["-n", "true"]).run_kept().is_ok_and(|ended| ended.ok()) {
            return Ok(Privilege::Sudo);
        }
        if !std::io::stdin().is_terminal() {
            bail!("installing needs root, and sudo is not there or asks for a password; {by_hand}");
        }
        // sudo asks on the terminal: it has to be in the terminal's foreground group, and the limit is the user's.
        let asked = Command::new("sudo").arg("-v").stdin(Stdio::inherit()).status();
        if asked.is_ok_and(|status| status.success()) { Ok(Privilege::Sudo) } else { bail!("no root: {by_hand}") }
    }

    /// `timeout` rather than our own limit ends what runs as root, which we may not signal.
    fn apt_get(&self, seconds: u64) -> Cmd {
        let cmd = match self {
            Privilege::Root => Cmd::new("env"),
            Privilege::Sudo => Cmd::new("sudo").args(["-n", "env"]),
        };
        let cmd = cmd.args(["DEBIAN_FRONTEND=noninteractive", "timeout", "--kill-after=20"]).arg(seconds.to_string());
        cmd.arg("apt-get").args(PATIENCE).limit(seconds + 60)
    }
}

/// apt with its own lists, cache and sources below one directory: the system's apt neither changes nor notices.
pub struct PrivateApt {
    dir: PathBuf,
}

/// A package as a mirror offers it.
#[derive(Debug, PartialEq)]
pub struct Offer {
    /// Its version.
    pub version: String,
    /// Its `Depends`.
    pub depends: Vec<Dependency>,
}

/// One alternative of a `Depends` clause; of several the first.
#[derive(Debug, PartialEq)]
pub struct Dependency {
    /// The package.
    pub name: String,
    /// Relation and version, e.g. `>=` and `2.4.121`.
    pub bound: Option<(String, String)>,
}

impl PrivateApt {
    /// Prepares the directories and fetches the lists of `suite` from `source`'s mirror.
    pub fn with_suite(dir: &Path, source: &Source, suite: &str) -> Result<Self> {
        let apt = PrivateApt { dir: dir.to_owned() };
        for part in ["lists/partial", "cache/archives/partial", "debs", "none"] {
            let part = dir.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
        }
        fs::write(dir.join("suite.sources"), source.stanza_for(suite)).context("cannot write the private source")?;
        let updated = apt.command("apt-get", UPDATE).arg("update").run();
        updated.with_context(|| format!("cannot read {suite} from {}", source.uris.join(" ")))?;
        Ok(apt)
    }

    fn command(&self, program: &str, seconds: u64) -> Cmd {
        let mut cmd = Cmd::new(program).limit(seconds).args(PATIENCE).env("LC_ALL", "C");
        for (option, part) in [
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::sourcelist", "suite.sources"),
            // An empty directory and a file in it that is not there: no other source, and no pin against this suite.
            ("Dir::Etc::sourceparts", "none"),
            ("Dir::Etc::preferences", "none/none"),
            ("Dir::Etc::preferencesparts", "none"),
        ] {
            cmd = cmd.arg("-o").arg(format!("{option}={}", self.dir.join(part).display()));
        }
        // Root's download user has no access to a checkout in root's home.
        if nix::unistd::geteuid().is_root() { cmd.args(["-o", "APT::Sandbox::User=root"]) } else { cmd }
    }

    /// What the suite offers under this name; none if it has no such package.
    pub fn offer(&self, package: &str) -> Result<Option<Offer>> {
        let shown = self.command("apt-cache", 60).args(["show", package]).run_kept()?;
        Ok(parse_offer(&shown.stdout))
    }

    /// Downloads a package and unpacks it below `into`, without installing it.
    pub fn unpack(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        let debs = self.dir.join("debs");
        let _ = fs::remove_dir_all(&debs);
        fs::create_dir_all(&debs)?;
        let download = self.command("apt-get", INSTALL).dir(&debs).args(["download", &format!("{package}={version}")]);
        download.run().with_context(|| format!("cannot download {package} {version}"))?;
        let deb =
            fs::read_dir(&debs)?.flatten().map(|entry| entry.path()).find(|p| p.extension() == Some("deb".as_ref()));
        let deb = deb.with_context(|| format!("apt-get downloaded no file for {package}"))?;
        Cmd::new("dpkg-deb").arg("-x").arg(&deb).arg(into).limit(120).run()
    }
}

/// Reads `apt-cache show`. Stanzas of the installed package have no `Filename`: those are not offers.
fn parse_offer(shown: &str) -> Option<Offer> {
    let field = |stanza: &str, name: &str| {
        let value = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    };
    let offered = shown.split("\n\n").find(|stanza| field(stanza, "Filename").is_some())?;
    let depends = field(offered, "Depends").unwrap_or_default();
    let depends = depends.split(',').filter_map(|clause| parse_dependency(clause.split('|').next()?)).collect();
    Some(Offer { version: field(offered, "Version")?, depends })
}

fn parse_dependency(clause: &str) -> Option<Dependency> {
    let (name, bound) = match clause.split_once('(') {
        Some((name, bound)) => (name, bound.trim_end().strip_suffix(')')?.split_once(' ')),
        None => (clause, None),
    };
    let name = name.trim().split(':').next()?.to_owned();
    let bound = bound.map(|(relation, version)| (relation.trim().to_owned(), version.trim().to_owned()));
    (!name.is_empty()).then_some(Dependency { name, bound })
}

/// How an installed package answers a dependency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Installed {
    /// It satisfies it.
    Enough,
    /// It is of another version.
    OtherVersion,
    /// It is not there.
    No,
}

/// Asks dpkg.
pub fn installed(dependency: &Dependency) -> Result<Installed> {
    let query = Cmd::new("dpkg-query").args(["-W", "-f", "${db:Status-Status} ${Version}\n", &dependency.name]);
    let shown = query.run_kept()?.stdout;
    let Some(version) = shown.lines().find_map(|line| line.strip_prefix("installed ")) else {
        return Ok(Installed::No);
    };
    let Some((relation, bound)) = &dependency.bound else { return Ok(Installed::Enough) };
    let compare = Cmd::new("dpkg").args(["--compare-versions", version, relation, bound]).run_kept()?;
    Ok(if compare.ok() { Installed::Enough } else { Installed::OtherVersion })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_mirror_has_is_an_offer() {
        let installed = "Package: mesa\nStatus: install ok installed\nVersion: 22.3.6\nDepends: a\n";
        let offered =
            "Package: mesa\nVersion: 25.0.7-2\nDepends: libc6 (>= 2.34), libz1:any, x | y (<< 3)\nFilename: pool/m\n";
        assert_eq!(parse_offer(installed), None);
        let dependency = |name: &str, bound: Option<(&str, &str)>| Dependency {
            name: name.into(),
            bound: bound.map(|(relation, version)| (relation.into(), version.into())),
        };
        assert_eq!(
            parse_offer(&format!("{installed}\n{offered}")),
            Some(Offer {
                version: "25.0.7-2".into(),
                depends: vec![
                    dependency("libc6", Some((">=", "2.34"))),
                    dependency("libz1", None),
                    dependency("x", None),
                ],
            })
        );
        assert_eq!(parse_offer(""), None);
    }
}
