//! Writes shared types as GLSL, so that a shader's structs are made from the Rust ones.

use super::layout::{Scalar, StructLayout, TypeLayout};
use crate::{Error, Result};
use std::{any::TypeId, collections::HashMap, fmt::Write};

/// GLSL references to numbers: `f32_in`, `u32_inout`, `f32x4_in` and so on. The text of the include `vksvm.glsl`.
///
/// `T_in` is readonly, `T_out` writeonly, `T_inout` neither, and `x.v[i]` is element `i`. The 32-bit numbers are always
/// declared; the macros `VKSVM_INT8`, `VKSVM_INT16`, `VKSVM_INT64` and `VKSVM_F64`, defined before the include, add the
/// others together with the extensions that they need.
pub const GLSL_PRELUDE: &str = include_str!("vksvm.glsl");

/// GLSL declarations of `types` and of all types that they hold or point at: structs with their Rust layout, and for
/// each the references `Node_in`, `Node_out` and `Node_inout`, whose element `i` is `.v[i]`.
///
/// A [`Ptr<T>`](crate::Ptr) inside a struct becomes a `T_inout`; the references to pointers themselves are
/// `Node_ptr_in` and so on, to arrays `f32_3_in`. Generic parameters become part of the name: `Pair_f32_u32`. A field
/// whose name means something in GLSL gets a `_` behind it. The text includes `vksvm.glsl` ([`GLSL_PRELUDE`]), and may
/// itself be included together with other such texts.
///
/// ```
/// use vksvm::{GpuStruct, Ptr, glsl_declarations};
///
/// #[derive(Clone, Copy, GpuStruct)]
/// #[repr(C)]
/// struct Node {
///     next: Ptr<Node>,
///     value: f32,
/// }
///
/// let glsl = glsl_declarations(&[Node::LAYOUT])?;
/// assert!(glsl.contains("struct Node {\n    Node_inout next;\n    float value;\n    uint pad0_;\n};"));
/// # Ok::<(), vksvm::Error>(())
/// ```
///
/// # Errors
/// [`Error::GlslName`] if two different types would have the same GLSL name.
pub fn glsl_declarations(types: &[TypeLayout]) -> Result<String> {
    let mut out = Writer::default();
    for t in types {
        out.element(t)?;
    }
    Ok(out.finish())
}

#[derive(Default)]
struct Writer {
    /// The type that each name stands for.
    names: HashMap<String, Option<TypeId>>,
    forward: Vec<(String, usize)>,
    structs: String,
    references: String,
    needs: [bool; 4],
}

const NEEDS: [&str; 4] = ["VKSVM_INT8", "VKSVM_INT16", "VKSVM_INT64", "VKSVM_F64"];

impl Writer {
    fn finish(self) -> String {
        let mut text = String::from("// Written from Rust types by vksvm::glsl_declarations: change those instead.\n");
        for (need, _) in NEEDS.iter().zip(self.needs).filter(|(_, needed)| *needed) {
            let _ = writeln!(text, "#ifndef {need}\n#define {need}\n#endif");
        }
        text.push_str("#include \"vksvm.glsl\"\n\n");
        for (name, align) in &self.forward {
            // A type that two texts declare is declared once.
            let _ = write!(
                text,
                "#ifndef VKSVM_TYPE_{name}\nlayout(buffer_reference, scalar, buffer_reference_align = {align}) buffer {name}_inout;\n#endif\n"
            );
        }
        text.push_str(&self.structs);
        text.push_str(&self.references);
        for (name, _) in &self.forward {
            let _ = writeln!(text, "#define VKSVM_TYPE_{name}");
        }
        text
    }

    /// Makes `T_in`, `T_out`, `T_inout` for elements of type `t`, and whatever they need.
    fn element(&mut self, t: &TypeLayout) -> Result<()> {
        if let TypeLayout::Scalar(s) = t {
            self.need(*s);
            return Ok(());
        }
        if t.size() == 0 {
            return Ok(());
        }
        let name = t.name().into_owned();
        let id = match t {
            TypeLayout::Struct(s) => Some(s.id),
            _ => None,
        };
        if let Some(known) = self.names.get(&name) {
            return if *known == id { Ok(()) } else { Err(clash(&name)) };
        }
        self.names.insert(name.clone(), id);
        self.forward.push((name.clone(), t.align()));
        let (kind, dimensions) = self.parts(t)?;
        if let TypeLayout::Struct(s) = t {
            let body = self.fields(s)?;
            let _ = write!(self.structs, "#ifndef VKSVM_TYPE_{name}\nstruct {name} {{\n{body}}};\n#endif\n");
        }
        let _ = writeln!(self.references, "#ifndef VKSVM_TYPE_{name}");
        for (access, suffix) in [("readonly ", "in"), ("writeonly ", "out"), ("", "inout")] {
            let _ = writeln!(
                self.references,
                "layout(buffer_reference, scalar, buffer_reference_align = {}) {access}buffer {name}_{suffix} {{ {kind} v[]{dimensions}; }};",
                t.align()
            );
        }
        self.references.push_str("#endif\n");
        Ok(())
    }

    /// How GLSL writes a variable of this type: the type, and the dimensions behind the name.
    fn parts(&mut self, t: &TypeLayout) -> Result<(String, String)> {
        Ok(match t {
            TypeLayout::Scalar(s) => {
                self.need(*s);
                (glsl(*s).into(), String::new())
            }
            TypeLayout::Pointer(to) => {
                let to = to();
                // A pointer to nothing GLSL has a type for: keep the address.
                if to.size() == 0 {
                    return self.parts(&TypeLayout::Scalar(Scalar::U64));
                }
                self.element(&to)?;
                (format!("{}_inout", to.name()), String::new())
            }
            TypeLayout::Array { element, len, .. } => {
                let (kind, inner) = self.parts(element)?;
                (kind, format!("[{len}]{inner}"))
            }
            TypeLayout::Struct(s) => {
                self.structure(s)?;
                (t.name().into_owned(), String::new())
            }
        })
    }

    /// Declares a nested struct before the struct that holds it.
    fn structure(&mut self, s: &'static StructLayout) -> Result<()> {
        let name = TypeLayout::Struct(s).name().into_owned();
        if self.names.contains_key(&name) { self.same(&name, s.id) } else { self.element(&TypeLayout::Struct(s)) }
    }

    fn same(&self, name: &str, id: TypeId) -> Result<()> {
        if self.names.get(name) == Some(&Some(id)) { Ok(()) } else { Err(clash(name)) }
    }

    fn fields(&mut self, s: &StructLayout) -> Result<String> {
        let (mut body, mut end, mut pads) = (String::new(), 0, 0);
        for f in s.fields.iter().filter(|f| f.layout.size() > 0) {
            self.pad(&mut body, end, f.offset, &mut pads);
            let (kind, dimensions) = self.parts(&f.layout)?;
            let _ = writeln!(body, "    {kind} {}{dimensions};", field_name(f.name));
            end = f.offset + f.layout.size();
        }
        self.pad(&mut body, end, s.size, &mut pads);
        Ok(body)
    }

    /// A member for the padding `from..to`, of the largest numbers that fit both ends.
    fn pad(&mut self, body: &mut String, from: usize, to: usize, pads: &mut usize) {
        if from == to {
            return;
        }
        let fits = |size: usize| from.is_multiple_of(size) && to.is_multiple_of(size);
        let s = match (fits(4), fits(2)) {
            (true, _) => Scalar::U32,
            (false, true) => Scalar::U16,
            (false, false) => Scalar::U8,
        };
        self.need(s);
        let count = (to - from) / s.size();
        let dimensions = if count > 1 { format!("[{count}]") } else { String::new() };
        let _ = writeln!(body, "    {} pad{pads}_{dimensions};", glsl(s));
        *pads += 1;
    }

    fn need(&mut self, s: Scalar) {
        match s {
            Scalar::U8 | Scalar::I8 => self.needs[0] = true,
            Scalar::U16 | Scalar::I16 => self.needs[1] = true,
            Scalar::U64 | Scalar::I64 => self.needs[2] = true,
            Scalar::F64 => self.needs[3] = true,
            Scalar::U32 | Scalar::I32 | Scalar::F32 => {}
        }
    }
}

fn clash(name: &str) -> Error {
    Error::GlslName { name: name.into() }
}

const fn glsl(s: Scalar) -> &'static str {
    match s {
        Scalar::U8 => "uint8_t",
        Scalar::I8 => "int8_t",
        Scalar::U16 => "uint16_t",
        Scalar::I16 => "int16_t",
        Scalar::U32 => "uint",
        Scalar::I32 => "int",
        Scalar::U64 => "uint64_t",
        Scalar::I64 => "int64_t",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
    }
}

/// The field's name, changed if GLSL reserves it. Names with `__` or starting with `gl_` are reserved too.
fn field_name(name: &str) -> String {
    let mut name = name.replace("__", "_u_");
    let is_type = |n: &str| {
        let digit = |p: &str| n.strip_prefix(p).is_some_and(|d| d.starts_with(|c: char| c.is_ascii_digit()));
        ["vec", "ivec", "uvec", "dvec", "bvec", "mat", "dmat"].iter().any(|p| digit(p))
    };
    if RESERVED.contains(&name.as_str()) || name.starts_with("gl_") || is_type(&name) {
        name.push('_');
    }
    name.replace("gl_", "gl")
}

/// Words that a Rust field may be called and a GLSL member may not.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "active", "asm", "atomic_uint", "attribute", "bool", "break", "buffer", "case", "cast", "centroid", "class",
    "coherent", "common", "const", "continue", "default", "discard", "do", "double", "else", "enum", "extern",
    "external", "false", "filter", "fixed", "flat", "float", "for", "goto", "half", "highp", "hvec2", "hvec3", "hvec4",
    "if", "in", "inline", "inout", "input", "int", "interface", "invariant", "layout", "long", "lowp", "mediump",
    "namespace", "noinline", "noperspective", "out", "output", "partition", "patch", "precise", "precision", "public",
    "readonly", "resource", "restrict", "return", "sample", "shared", "short", "sizeof", "smooth", "static", "struct",
    "subroutine", "superp", "switch", "template", "this", "true", "typedef", "uint", "uniform", "union", "unsigned",
    "using", "varying", "void", "volatile", "while", "writeonly",
];

#[cfg(test)]
mod tests;
