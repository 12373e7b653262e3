//! GLSL to SPIR-V with the pinned shaderc.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use shaderc::{CompileOptions, Compiler, EnvVersion, OptimizationLevel, ResolvedInclude, ShaderKind, TargetEnv};

use super::{directives, includes, manifest};

/// Compiles `source`, a path in the checkout, for speed unless it says `// optimise: no`. Errors have `file:line:` with paths in the checkout.
pub fn spirv(root: &Path, source: &Path) -> Result<Vec<u8>> {
    let text = fs::read_to_string(root.join(source)).context("cannot read it")?;
    let compiler = Compiler::new().context("cannot start shaderc")?;
    let mut options = CompileOptions::new().context("cannot start shaderc")?;
    options.set_target_env(TargetEnv::Vulkan, EnvVersion::Vulkan1_2 as u32);
    if directives::switch(&text, "//", "optimise", true)? {
        options.set_optimization_level(OptimizationLevel::Performance);
    }
    if directives::switch(&text, "//", "debug", false)? {
        options.set_generate_debug_info();
    }
    options.set_include_callback(|name, _, from, _| {
        let beside = root.join(Path::new(from).parent().unwrap_or(Path::new("")));
        let found =
            includes::find(name, &beside, &root.join(manifest::include_dir(source))).map_err(|e| format!("{e:#}"))?;
        let content = fs::read_to_string(&found).map_err(|error| error.to_string())?;
        // The name is what the next include inside sees as `from`, and what errors show: no path of this machine.
        let name = found.strip_prefix(root).unwrap_or(&found).to_string_lossy().into_owned();
        Ok(ResolvedInclude { resolved_name: name, content })
    });
    let compiled =
        compiler.compile_into_spirv(&text, ShaderKind::Compute, &source.to_string_lossy(), "main", Some(&options))?;
    Ok(compiled.as_binary_u8().to_vec())
}
