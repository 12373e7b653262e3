//! The Mesas of this machine: the system's, and on Debian 12, whose own is old, the one of its backports suite,
//! unpacked under `target/mesa/VERSION` and selected by its ICD file. Nothing of it is installed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Installed, PrivateApt},
    apt_sources,
    os_release::OsRelease,
    probe::{self, Device, MesaVersion},
    process::Cmd,
};

/// From this version on a system's own Mesa needs no newer one beside it.
const NEW: MesaVersion = MesaVersion(25, 0, 0);

const CODENAME: &str = "bookworm";
const DRIVERS: &str = "mesa-vulkan-drivers";
const LAVAPIPE: &str = "libvulkan_lvp.so";
/// Written last: a directory with this file is whole.
const ICD: &str = "lvp_icd.json";

/// A set of Vulkan drivers that programs are run on.
#[derive(Debug, Clone)]
pub struct Mesa {
    /// `system` or `newer`.
    pub name: &'static str,
    /// The device that it offers.
    pub device: Device,
    /// What selects it; empty for the system's.
    pub env: Vec<(&'static str, OsString)>,
}

impl std::fmt::Display for Mesa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, {}", self.name, self.device.name, self.device.driver)
    }
}

/// The newer Mesa, fetched if it is not there yet; none where the system's is new or none is known.
pub fn newer(system: &Device, os: &OsRelease, target: &Path) -> Result<Option<Mesa>> {
    if let Some(version) = system.mesa().filter(|version| *version >= NEW) {
        println!("setup: newer Mesa        not needed, the system's is {version}");
        return Ok(None);
    }
    if !os.is_debian_12() {
        println!("setup: newer Mesa        none is known for {}: everything runs on the system's drivers", os.name);
        return Ok(None);
    }
    let home = target.join("mesa");
    let mesa = match present(&home)? {
        Some(mesa) => mesa,
        None => fetch(&home).context("cannot get the newer Mesa from Debian's backports")?,
    };
    let icd = &mesa.env[0].1;
    println!(
        "setup: newer Mesa        {}, {} (VK_DRIVER_FILES={})",
        mesa.device.name,
        mesa.device.driver,
        icd.display()
    );
    Ok(Some(mesa))
}

/// The newest unpacked Mesa that works.
fn present(home: &Path) -> Result<Option<Mesa>> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut whole: Vec<(MesaVersion, PathBuf)> = entries
        .filter(|dir| dir.join(ICD).is_file())
        .filter_map(|dir| Some((MesaVersion::parse(dir.file_name()?.to_str()?)?, dir)))
        .collect();
    whole.sort();
    for (_, dir) in whole.iter().rev() {
        match proven(dir) {
            Ok(mesa) => return Ok(Some(mesa)),
            Err(error) => println!("setup: {} does not work and is fetched again: {error:#}", dir.display()),
        }
    }
    Ok(None)
}

fn fetch(home: &Path) -> Result<Mesa> {
    let sources = apt_sources::read(Path::new("/etc/apt"));
    let Some(source) = apt_sources::for_backports(&sources, CODENAME) else {
        bail!("no source for {CODENAME} with the component main under /etc/apt");
    };
    let suite = format!("{CODENAME}-backports");
    println!("setup: newer Mesa        unpacking {DRIVERS} of {suite} under target/mesa (the system does not change):");
    let apt = PrivateApt::with_suite(&home.join("apt"), source, &suite)?;
    let offer = apt.offer(DRIVERS)?.with_context(|| format!("{suite} has no {DRIVERS}"))?;
    let version = MesaVersion::parse(&offer.version).filter(|version| *version >= NEW);
    let version = version.with_context(|| format!("{suite} has {DRIVERS} {}, {NEW} is needed", offer.version))?;

    let staging = home.join(format!("unpacking-{}", std::process::id()));
    let _ = fs::remove_dir_all(&staging);
    fs::create_dir_all(&staging)?;
    apt.unpack(DRIVERS, &offer.version, &staging)?;
    complete(&apt, &offer, &staging)?;
    let dir = home.join(version.to_string());
    let _ = fs::remove_dir_all(&dir);
    fs::rename(&staging, &dir).context("cannot move the unpacked Mesa to its place")?;
    write_icd(&dir)?;
    proven(&dir).inspect_err(|_| {
        // Without its ICD file the directory counts as unfinished.
        let _ = fs::remove_file(dir.join(ICD));
    })
}

/// Gets the libraries that the driver needs and the system has not, or not new enough.
fn complete(apt: &PrivateApt, offer: &apt::Offer, dir: &Path) -> Result<()> {
    let driver = driver(dir)?;
    if unresolved(&driver)?.is_empty() {
        return Ok(());
    }
    let mut absent = vec![];
    for dependency in &offer.depends {
        match apt::installed(dependency)? {
            Installed::Enough => {}
            Installed::No => absent.push(dependency.name.clone()),
            Installed::OtherVersion => {
                let newer = apt.offer(&dependency.name)?;
                let newer = newer.with_context(|| format!("no {} as {DRIVERS} needs it", dependency.name))?;
                apt.unpack(&dependency.name, &newer.version, dir)?;
            }
        }
    }
    if !absent.is_empty() {
        println!("setup: installing with apt-get what the newer Mesa needs: {}", absent.join(" "));
        apt::install(&absent)?;
    }
    let missing = unresolved(&driver)?;
    if missing.is_empty() { Ok(()) } else { bail!("{LAVAPIPE} still lacks libraries:\n{missing}") }
}

/// What the dynamic linker cannot find for `library`, with the libraries beside it in reach.
fn unresolved(library: &Path) -> Result<String> {
    let beside = library.parent().unwrap_or(library);
    let ldd = Cmd::new("ldd").arg("-r").arg(library).env("LD_LIBRARY_PATH", beside).env("LC_ALL", "C").run_kept()?;
    let lines = ldd.stdout.lines().chain(ldd.stderr.lines());
    let missing: Vec<_> = lines.filter(|l| l.contains("not found") || l.contains("undefined symbol")).collect();
    Ok(missing.join("\n"))
}

/// The lavapipe library in an unpacked Mesa: its directory is named after the machine's architecture.
fn driver(dir: &Path) -> Result<PathBuf> {
    let libraries = fs::read_dir(dir.join("usr/lib")).into_iter().flatten().flatten();
    let found = libraries.map(|entry| entry.path().join(LAVAPIPE)).find(|path| path.is_file());
    found.with_context(|| format!("no {LAVAPIPE} in {}", dir.display()))
}

/// The package's ICD file names the library by its bare name, which the linker would look up in the system; ours
/// names it relative to the file, so that it stays right when the checkout moves.
fn write_icd(dir: &Path) -> Result<()> {
    let icds = fs::read_dir(dir.join("usr/share/vulkan/icd.d")).context("the package has no ICD files")?;
    let mut icds = icds.flatten().map(|entry| entry.path());
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd"));
    let packaged = icds.find(is_ours).context("the package has no ICD file for lavapipe")?;
    let mut icd: serde_json::Value =
        serde_json::from_slice(&fs::read(&packaged)?).context("the ICD file is no JSON")?;
    let library = driver(dir)?;
    let library = Path::new(".").join(library.strip_prefix(dir)?);
    icd["ICD"]["library_path"] = library.to_string_lossy().into();
    fs::write(dir.join(ICD), serde_json::to_string_pretty(&icd)?).context("cannot write the ICD file")
}

/// Proves that the Mesa in `dir` works: a device is enumerated through its ICD file.
fn proven(dir: &Path) -> Result<Mesa> {
    let icd = OsString::from(dir.join(ICD));
    let libraries = driver(dir)?;
    let libraries = libraries.parent().context("the driver lies in no directory")?;
    // Loaders before 1.3.207 know only the second name.
    let mut env = vec![("VK_DRIVER_FILES", icd.clone()), ("VK_ICD_FILENAMES", icd)];
    if fs::read_dir(libraries)?.flatten().any(|entry| is_extra(&entry.file_name().to_string_lossy())) {
        let mut path = libraries.as_os_str().to_owned();
        if let Some(inherited) = std::env::var_os("LD_LIBRARY_PATH") {
            path.push(":");
            path.push(inherited);
        }
        env.push(("LD_LIBRARY_PATH", path));
    }
    let found = probe::vulkan(&env)?;
    let Some(device) = found.usable() else { bail!("no usable Vulkan device: {}", found.refused()) };
    match device.mesa() {
        Some(version) if version >= NEW => Ok(Mesa { name: "newer", device: device.clone(), env }),
        _ => bail!("its ICD file leads to another driver: {}", device.driver),
    }
}

/// Whether a file beside the driver is a library that was unpacked for its sake: the package itself has drivers and
/// layers only.
fn is_extra(name: &str) -> bool {
    name.contains(".so") && !name.starts_with("libvulkan_") && !name.starts_with("libVkLayer_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-mesa-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("usr/lib/any-linux-gnu")).unwrap();
        fs::create_dir_all(dir.join("usr/share/vulkan/icd.d")).unwrap();
        fs::write(dir.join("usr/lib/any-linux-gnu").join(LAVAPIPE), "").unwrap();
        dir
    }

    #[test]
    fn the_icd_file_points_into_its_own_directory() {
        let dir = unpacked("icd");
        let packaged =
            r#"{"ICD":{"api_version":"1.4.305","library_path":"libvulkan_lvp.so"},"file_format_version":"1.0.0"}"#;
        fs::write(dir.join("usr/share/vulkan/icd.d/lvp_icd.any.json"), packaged).unwrap();
        write_icd(&dir).unwrap();
        let icd: serde_json::Value = serde_json::from_slice(&fs::read(dir.join(ICD)).unwrap()).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(icd["ICD"]["library_path"], "./usr/lib/any-linux-gnu/libvulkan_lvp.so");
        assert_eq!(icd["ICD"]["api_version"], "1.4.305");
    }

    #[test]
    fn a_package_without_the_driver_is_an_error() {
        let dir = unpacked("none");
        assert!(write_icd(&dir).unwrap_err().to_string().contains("no ICD file for lavapipe"));
        fs::remove_file(driver(&dir).unwrap()).unwrap();
        let error = driver(&dir).unwrap_err().to_string();
        fs::remove_dir_all(&dir).unwrap();
        assert!(error.contains("no libvulkan_lvp.so"), "{error}");
    }

    #[test]
    fn only_libraries_of_other_packages_need_a_search_path() {
        assert!(is_extra("libdrm.so.2"));
        assert!(!["libvulkan_lvp.so", "libVkLayer_MESA_overlay.so", "dri"].iter().any(|name| is_extra(name)));
    }

    #[test]
    fn a_new_system_mesa_needs_no_other() {
        let device = |driver: &str| Device { name: "D".into(), driver: driver.into(), missing: vec![] };
        let debian = OsRelease::parse("ID=debian\nVERSION_ID=12");
        let nowhere = Path::new("/nonexistent");
        assert!(newer(&device("Mesa 25.2.1"), &debian, nowhere).unwrap().is_none());
        let ubuntu = OsRelease::parse("ID=ubuntu\nVERSION_ID=22.04");
        assert!(newer(&device("Mesa 23.2.1"), &ubuntu, nowhere).unwrap().is_none());
    }
}
