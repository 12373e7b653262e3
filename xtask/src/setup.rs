//! `cargo xtask setup`: what this machine needs to build, run and test vksvm, found by trying it; what is missing is
//! installed, nothing else.

use anyhow::{Context, Result, bail};

use crate::{
    apt,
    mesa::{self, Mesa},
    os_release::OsRelease,
    probe::{self, Vulkan},
    process::Cmd,
};

/// Something that is missing: what, why we think so, and the packages that bring it on Debian and Ubuntu.
struct Missing {
    what: &'static str,
    reason: String,
    packages: &'static [&'static str],
}

/// Makes the machine ready and returns the Mesas that programs can be run on, the system's first. `with_glsl` adds
/// what building shaderc needs.
pub fn setup(with_glsl: bool) -> Result<Vec<Mesa>> {
    let os = OsRelease::read();
    complete(&os, || look(with_glsl))?;
    let vulkan = probe::vulkan(&[])?;
    let device = vulkan.usable().context("the Vulkan device that was just there is gone")?.clone();
    println!("setup: Vulkan device     {}, {}", device.name, device.driver);
    println!("setup: validation layer  ok");
    println!("setup: spirv-val         ok");
    if with_glsl {
        println!("setup: C++ for shaderc   ok");
    }
    let newer = mesa::newer(&device, &os, &crate::target())?;
    let system = Mesa { name: "system", device, env: vec![] };
    Ok([system].into_iter().chain(newer).collect())
}

/// Installs what building shaderc needs.
pub fn tools_for_glsl() -> Result<()> {
    complete(&OsRelease::read(), || look_for_cpp().collect())
}

/// Installs what `look` misses, then looks again: a package may be there and not work.
fn complete(os: &OsRelease, look: impl Fn() -> Vec<Missing>) -> Result<()> {
    let missing = look();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, os)?;
    let still: Vec<_> = look().iter().map(|m| format!("{}: {}", m.what, m.reason)).collect();
    if still.is_empty() { Ok(()) } else { bail!("still missing after the installation:\n  {}", still.join("\n  ")) }
}

fn look(with_glsl: bool) -> Vec<Missing> {
    let mut missing = vec![];
    let (vulkan, failure) = match probe::vulkan(&[]) {
        Ok(vulkan) => (vulkan, None),
        Err(error) => (Vulkan::default(), Some(format!("{error:#}"))),
    };
    if vulkan.usable().is_none() {
        let reason = failure.clone().unwrap_or_else(|| format!("no usable device: {}", vulkan.refused()));
        missing.push(Missing { what: "Vulkan device", reason, packages: &["libvulkan1", "mesa-vulkan-drivers"] });
    }
    if !vulkan.validation {
        let reason = if failure.is_some() { "no Vulkan to ask for it" } else { "not among Vulkan's layers" };
        let packages = &["vulkan-validationlayers"];
        missing.push(Missing { what: "validation layer", reason: reason.into(), packages });
    }
    missing.extend(program("spirv-val", &["spirv-tools"]));
    if with_glsl {
        missing.extend(look_for_cpp());
    }
    missing
}

fn look_for_cpp() -> impl Iterator<Item = Missing> {
    let tools: [(_, &'static [&'static str]); 4] =
        [("cmake", &["cmake"]), ("make", &["make"]), ("python3", &["python3"]), ("c++", &["g++"])];
    tools.into_iter().filter_map(|(name, packages)| program(name, packages))
}

fn program(name: &'static str, packages: &'static [&'static str]) -> Option<Missing> {
    let runs = Cmd::new(name).arg("--version").run_kept().is_ok_and(|ended| ended.ok());
    (!runs).then(|| Missing { what: name, reason: "is not installed or does not run".into(), packages })
}

fn install(missing: &[Missing], os: &OsRelease) -> Result<()> {
    for lack in missing {
        println!("setup: missing           {}: {}", lack.what, lack.reason);
    }
    let packages: Vec<String> = missing.iter().flat_map(|m| m.packages).map(|p| (*p).to_owned()).collect();
    if !os.is_debian_family() {
        bail!(
            "{} is not Debian or Ubuntu, so nothing was installed; install what Debian calls {} and run this again",
            os.name,
            packages.join(", ")
        );
    }
    println!("setup: installing with apt-get (as root or through sudo): {}", packages.join(" "));
    apt::install(&packages)
}
