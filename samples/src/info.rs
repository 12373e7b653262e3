//! What there is: the workloads, the device, the shared structs.

use crate::cli::InfoOptions;
use anyhow::{Context, Result};
use std::{fs, path::Path};
use vksvm::{GLSL_PRELUDE, GpuStruct, Ptr, glsl_declarations};
use vksvm_samples::{
    types::{Extent, Item, Node, Pair, Word},
    workloads::{self, Size, grouped},
};

/// Prints the workloads.
pub fn list() {
    for w in &workloads::ALL {
        println!("{:<10} {}", w.name, w.about);
        let sizes = w.sizes.map(|size| size.map_or("as the file".into(), grouped)).join(" / ");
        let input = w.input.map_or(String::new(), |what| format!("; --input takes {what}"));
        println!("{:<10} sizes in {}: {sizes}{input}", "", w.unit);
        if let Some(bytes) = w.working_set(Size::Medium) {
            println!(
                "{:<10} works part by part: medium in {} of device memory, a quarter of its data",
                "",
                size(bytes / 4)
            );
        }
        println!();
    }
}

/// Prints what the heap found and decided.
pub fn info(options: &InfoOptions) -> Result<()> {
    let svm = options.open.open()?;
    let c = svm.capabilities();
    if options.json {
        println!("{}", serde_json::to_string(c)?);
        return Ok(());
    }
    println!("device       {} ({}, Vulkan {})", c.device, c.driver, c.vulkan);
    println!("placement    {:?}, translation {}, faults {}", c.placement, c.translation.name(), c.faults);
    println!(
        "heap         {} in segments of {}, pages of {}",
        size(c.heap_bytes),
        size(c.segment_bytes),
        size(c.page_bytes)
    );
    println!("backing      {:?}", c.backing);
    if c.device_budget_bytes > 0 {
        let place = if c.in_place { "what does not fit is used in place" } else { "nothing is used in place" };
        println!("device       {} for pages; {place}", size(c.device_budget_bytes));
    }
    println!("arguments    up to {} bytes", c.max_argument_bytes);
    println!(
        "grid         up to {:?} workgroups of {:?}, {} invocations",
        c.max_groups, c.max_workgroup, c.max_workgroup_invocations
    );
    println!("shared       {} for a workgroup", size(c.max_shared_bytes.into()));
    println!("timestamps   {}", if c.timestamps { "yes" } else { "no: kernel times are shown as 0" });
    println!("\nwhy");
    for reason in &c.reasons {
        println!("  {reason}");
    }
    println!("\nprobes");
    for probe in &c.probes {
        println!("  {} {}: {}", if probe.works { "ok    " } else { "failed" }, probe.name, probe.detail);
    }
    Ok(())
}

/// A size in the largest unit of which it is at least one.
pub fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).take_while(|i| bytes >> (10 * i) >= 1024).count();
    format!("{} {}", bytes >> (10 * step), units[step])
}

/// Writes the includes that Rust is the source of: the library's references to numbers, and the structs in `types`.
pub fn glsl(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let types = [Node::LAYOUT, Item::LAYOUT, Ptr::<Item>::LAYOUT, Word::LAYOUT, Extent::LAYOUT, Pair::LAYOUT];
    let files = [("types.glsl", glsl_declarations(&types)?), ("vksvm.glsl", GLSL_PRELUDE.into())];
    for (name, text) in files {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!([0, 1023, 1024, 65536, 2 << 30].map(size), ["0 B", "1023 B", "1 KiB", "64 KiB", "2 GiB"]);
    }
}
