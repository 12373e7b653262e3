//! GLSL at run time (feature `glsl`): shaderc, with includes resolved.

use crate::error::{Error, Result};
use shaderc::{
    CompileOptions, Compiler, EnvVersion, IncludeType, OptimizationLevel, ResolvedInclude, ShaderKind, TargetEnv,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A GLSL compute shader on its way to SPIR-V.
///
/// ```no_run
/// use vksvm::{GLSL_PRELUDE, Glsl};
/// let spirv = Glsl::file("shaders/saxpy.comp")?.include("vksvm.glsl", GLSL_PRELUDE).compile()?;
/// # Ok::<(), vksvm::Error>(())
/// ```
///
/// `#include` looks in this order: texts given by [`Glsl::include`], for `"…"` the folder of the file that includes, the
/// folders given by [`Glsl::include_dir`].
#[derive(Clone, Debug)]
#[must_use = "nothing is compiled before `compile`"]
pub struct Glsl {
    name: String,
    source: String,
    texts: BTreeMap<String, String>,
    folders: Vec<PathBuf>,
    macros: Vec<(String, String)>,
}

impl Glsl {
    /// A shader in a file.
    ///
    /// # Errors
    /// `Glsl` where the file cannot be read.
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let source = std::fs::read_to_string(path)
            .map_err(|error| Error::Glsl { log: format!("{}: cannot be read: {error}", path.display()) })?;
        Ok(Self::source(&path.display().to_string(), &source))
    }

    /// A shader in a string. `name` is what errors call it; its folder, if it has one, is where includes are looked for.
    pub fn source(name: &str, source: &str) -> Self {
        Glsl { name: name.into(), source: source.into(), texts: BTreeMap::new(), folders: vec![], macros: vec![] }
    }

    /// Gives the text of an include, for instance what [`glsl_declarations`](crate::glsl_declarations) returns.
    pub fn include(mut self, name: &str, text: &str) -> Self {
        self.texts.insert(name.into(), text.into());
        self
    }

    /// Adds a folder to look for includes in.
    pub fn include_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Defines a macro.
    pub fn define(mut self, name: &str, value: &str) -> Self {
        self.macros.push((name.into(), value.into()));
        self
    }

    /// Compiles to SPIR-V 1.5 (Vulkan 1.2), optimised, entry point `main`.
    ///
    /// # Errors
    /// `Glsl` with shaderc's log: `file:line: error: …`.
    pub fn compile(&self) -> Result<Vec<u8>> {
        let texts = self.macros.iter().flat_map(|(name, value)| [name, value]).chain([&self.name, &self.source]);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err(Error::Glsl { log: format!("{}: source, name or macro holds a zero byte", self.name) });
        }
        let failed = |error: shaderc::Error| Error::Glsl {
            log: match error {
                shaderc::Error::CompilationError(_, log) => log.trim_end().into(),
                other => format!("{}: {other}", self.name),
            },
        };
        let mut options = CompileOptions::new().map_err(failed)?;
        options.set_target_env(TargetEnv::Vulkan, EnvVersion::Vulkan1_2 as u32);
        options.set_optimization_level(OptimizationLevel::Performance);
        for (name, value) in &self.macros {
            options.add_macro_definition(name, Some(value));
        }
        options.set_include_callback(|wanted, kind, from, _| self.resolve(wanted, kind, from));
        let compiler = Compiler::new().map_err(failed)?;
        let made = compiler.compile_into_spirv(&self.source, ShaderKind::Compute, &self.name, "main", Some(&options));
        Ok(made.map_err(failed)?.as_binary_u8().to_vec())
    }

    fn resolve(&self, wanted: &str, kind: IncludeType, from: &str) -> Result<ResolvedInclude, String> {
        let found = match self.texts.get(wanted) {
            Some(text) => Some((wanted.to_owned(), text.clone())),
            None => {
                let beside = (kind == IncludeType::Relative).then(|| Path::new(from).parent()).flatten();
                let read = |folder: &Path| {
                    let path = folder.join(wanted);
                    std::fs::read_to_string(&path).ok().map(|text| (path.display().to_string(), text))
                };
                beside.into_iter().chain(self.folders.iter().map(PathBuf::as_path)).find_map(read)
            }
        };
        match found {
            Some((_, text)) if text.contains('\0') => Err(format!("include '{wanted}' holds a zero byte")),
            Some((resolved_name, content)) => Ok(ResolvedInclude { resolved_name, content }),
            None => Err(format!(
                "include '{wanted}' is neither among the given texts nor beside '{from}' nor in an include folder"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLE: &str = "#version 460
#extension GL_GOOGLE_include_directive : require
#include \"block.glsl\"
layout(local_size_x = 64) in;
void main() { if (gl_GlobalInvocationID.x < n) x.v[gl_GlobalInvocationID.x] *= FACTOR; }
";
    const BLOCK: &str = "#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(buffer_reference, scalar) buffer Floats { float v[]; };
layout(push_constant, scalar) uniform Args { Floats x; uint n; };
";

    fn log(result: Result<Vec<u8>>) -> String {
        match result {
            Err(Error::Glsl { log }) => log,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn includes_and_macros_are_resolved() {
        let folder = tempdir();
        std::fs::write(folder.join("block.glsl"), BLOCK).unwrap();
        std::fs::write(folder.join("double.comp"), DOUBLE).unwrap();
        let given = Glsl::source("double.comp", DOUBLE).include("block.glsl", BLOCK).define("FACTOR", "2.0").compile();
        let found = Glsl::source("double.comp", DOUBLE).include_dir(&folder).define("FACTOR", "2.0").compile();
        let beside = Glsl::file(folder.join("double.comp")).unwrap().define("FACTOR", "2.0").compile();
        let given = given.unwrap();
        assert_eq!(given[..4], 0x0723_0203_u32.to_le_bytes());
        assert_eq!(given, found.unwrap());
        assert_eq!(given, beside.unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn errors_name_file_and_line() {
        let shader = Glsl::source("kernels/double.comp", DOUBLE);
        // FACTOR is not defined: line 5 of the shader.
        let text = log(shader.clone().include("block.glsl", BLOCK).compile());
        assert!(text.contains("kernels/double.comp:5: error"), "{text}");
        let broken = BLOCK.replace("float v[]", "floaty v[]");
        let text = log(shader.clone().include("block.glsl", &broken).define("FACTOR", "2.0").compile());
        assert!(text.contains("block.glsl:3: error"), "{text}");
        let text = log(shader.clone().define("FACTOR", "2.0").compile());
        assert!(text.contains("kernels/double.comp:3") && text.contains("include 'block.glsl'"), "{text}");
        assert!(log(Glsl::source("a", "void main() {}\0").compile()).contains("zero byte"));
        let text = log(shader.include("block.glsl", "\0").compile());
        assert!(text.contains("zero byte"), "{text}");
        let missing = Glsl::file("no/such.comp").map(|_| vec![]);
        assert!(log(missing).contains("no/such.comp"));
    }

    fn tempdir() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vksvm-glsl-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}
