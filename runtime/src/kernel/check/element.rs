//! Compares the layout of a Rust type with that of a SPIR-V type, down to the numbers.

use crate::kernel::{
    layout::{Scalar, StructLayout, TypeLayout},
    reflect::{ConstantKind, MatrixOf, Reflection, Shape},
};
use rspirv::spirv::Decoration;
use std::{any::TypeId, collections::HashSet};

/// A difference: where, and what both sides have.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    /// Path of the Rust field, e.g. `Node.edges`; through a pointer `Node.edges->level`.
    pub path: String,
    pub reason: String,
}

type Found = Result<(), Wrong>;

/// What a pointer points at.
#[derive(Clone, Copy)]
pub(super) struct Elements {
    /// The pointee: a block, or the element itself.
    pub to: u32,
    /// Bytes between elements, where the pointer type says so.
    pub stride: Option<u32>,
}

/// A comparison; types that point at each other are compared once.
pub(super) struct Layouts<'a> {
    module: &'a Reflection,
    seen: HashSet<(TypeId, u32)>,
}

/// The struct member that a type stands in: its decorations tell how matrices lie in memory.
type Within = (u32, u32);

impl<'a> Layouts<'a> {
    pub fn new(module: &'a Reflection) -> Self {
        Layouts { module, seen: HashSet::new() }
    }

    /// A value of Rust type `rust` against a struct's member.
    pub fn member(&mut self, rust: &TypeLayout, within: Within, ty: u32) -> Found {
        self.compare(rust, within, ty, &rust.to_string())
    }

    /// Elements of Rust type `rust` against what a pointer points at.
    pub fn pointee(&mut self, rust: &TypeLayout, elements: Elements) -> Found {
        self.elements(rust, elements, &rust.to_string())
    }

    fn elements(&mut self, rust: &TypeLayout, elements: Elements, path: &str) -> Found {
        let wrong = |reason: String| Err(Wrong { path: path.into(), reason });
        let stride = |stride: Option<u32>| match stride {
            Some(s) if s as usize != rust.size() => wrong(format!(
                "{rust} has {} bytes in Rust, but the shader's elements lie {s} bytes apart",
                rust.size()
            )),
            _ => Ok(()),
        };
        stride(elements.stride)?;
        if let TypeLayout::Struct(s) = rust
            && !self.seen.insert((s.id, elements.to))
        {
            return Ok(());
        }
        let block = elements.to;
        let Shape::Struct { members } = self.module.shape(block) else {
            return self.compare(rust, (block, 0), block, path);
        };
        let (&[only], Some(0)) = (members.as_slice(), self.offset(block, 0)) else {
            // Several members: the block itself is the element.
            let headed = members.iter().any(|m| matches!(self.module.shape(*m), Shape::RuntimeArray { .. }));
            if headed {
                return wrong("the shader's block has members beside its array; a slice has only elements".into());
            }
            return self.compare(rust, (block, 0), block, path);
        };
        let within = (block, 0);
        match self.module.shape(only) {
            Shape::RuntimeArray { element, stride: s } => {
                stride(s)?;
                self.compare(rust, within, element, path)
            }
            // An array of fixed length holds so many elements, unless it is the element.
            Shape::Array { element, stride: s, .. } => {
                if self.fits(rust, within, only) || self.fits(rust, within, block) {
                    return Ok(());
                }
                stride(s)?;
                self.compare(rust, within, element, path)
            }
            // A block around one struct is that struct, or holds it.
            Shape::Struct { .. } if self.fits(rust, within, block) => Ok(()),
            Shape::Struct { .. } => self.compare(rust, within, only, path),
            // A block of one number: a Rust struct of one field, or the number itself.
            _ => {
                let is_struct = matches!(rust, TypeLayout::Struct(_));
                if is_struct && self.fits(rust, within, only) {
                    return Ok(());
                }
                self.compare(rust, within, if is_struct { block } else { only }, path)
            }
        }
    }

    /// Whether a comparison finds no difference. If it does, it leaves nothing behind: another may follow.
    fn fits(&mut self, rust: &TypeLayout, within: Within, ty: u32) -> bool {
        let seen = self.seen.clone();
        let fits = self.compare(rust, within, ty, "").is_ok();
        if !fits {
            self.seen = seen;
        }
        fits
    }

    fn compare(&mut self, rust: &TypeLayout, within: Within, ty: u32, path: &str) -> Found {
        let differs = |what: &str| {
            let reason = format!("it is {rust} in Rust, but {} in the shader{what}", describe(self.module, ty));
            Err(Wrong { path: path.into(), reason })
        };
        match (rust, self.module.shape(ty)) {
            (TypeLayout::Scalar(s), Shape::Number(kind)) if same(*s, kind) => Ok(()),
            (TypeLayout::Scalar(Scalar::U64), Shape::Pointer { .. }) => differs("; use Ptr<T> for the Rust field"),
            (TypeLayout::Pointer(to), Shape::Pointer { to: block, stride }) => {
                let found = self.elements(&to(), Elements { to: block, stride }, &format!("{path}->"));
                found.map_err(|w| Wrong { path: w.path.trim_end_matches("->").into(), ..w })
            }
            (TypeLayout::Pointer(_), _) if super::is_address(self.module, ty) => Ok(()),
            (_, Shape::Vector { element, len }) => self.vector(rust, element, len, path),
            (_, Shape::Matrix { .. }) => {
                match MatrixOf::member(&self.module.module, &self.module.constants, within.0, within.1, ty) {
                    Some(m) => self.matrix(rust, m, path),
                    None => differs(", whose stride is not given"),
                }
            }
            (TypeLayout::Array { element, len, stride }, Shape::Array { element: e, len: l, stride: s }) => {
                if l != Some(*len as u64) {
                    let theirs = l.map_or("an unknown number of".into(), |l| l.to_string());
                    return differs(&format!(": {len} elements in Rust, {theirs} in the shader"));
                }
                if s.is_some_and(|s| s as usize != *stride) {
                    return differs(&format!(": {stride} bytes apart in Rust, {} in the shader", s.unwrap_or(0)));
                }
                self.compare(element, within, e, &format!("{path}[]"))
            }
            (TypeLayout::Struct(s), Shape::Struct { members }) => self.fields(s, ty, &members, path),
            _ => differs(""),
        }
    }

    fn fields(&mut self, rust: &'static StructLayout, ty: u32, members: &[u32], path: &str) -> Found {
        let mut theirs = vec![];
        for (i, m) in (0..).zip(members) {
            let Some(offset) = self.offset(ty, i) else {
                let name = self.module.module.member_name(ty, i);
                return Err(Wrong {
                    path: path.into(),
                    reason: format!("member {name} of the shader's struct has no offset"),
                });
            };
            theirs.push((offset, i, *m));
        }
        theirs.sort_by_key(|t| t.0);
        let fields: Vec<_> = rust.fields.iter().filter(|f| f.layout.size() > 0).collect();
        let mut pads = theirs.clone();
        for f in &fields {
            let path = join(path, f.name);
            let wrong = |reason| Err(Wrong { path: path.clone(), reason });
            let Some(at) = pads.iter().position(|t| t.0 == f.offset) else {
                let nearest = theirs.iter().min_by_key(|t| t.0.abs_diff(f.offset));
                let nearest = nearest.map(|(offset, i, m)| {
                    let name = self.module.module.member_name(ty, *i);
                    format!("; the nearest is {name} ({}) at {offset}", describe(self.module, *m))
                });
                return wrong(format!(
                    "it is {} at offset {} in Rust, but the shader's struct has no member there{}",
                    f.layout,
                    f.offset,
                    nearest.unwrap_or_default()
                ));
            };
            let (_, i, member) = pads.remove(at);
            self.compare(&f.layout, (ty, i), member, &path)?;
        }
        // What is left must lie where Rust has padding.
        for (offset, i, member) in pads {
            let size = self.module.size_in(ty, i, member).unwrap_or(usize::MAX);
            let end = offset.saturating_add(size);
            let name = self.module.module.member_name(ty, i);
            let what = describe(self.module, member);
            if let Some(f) = fields.iter().find(|f| offset < f.offset + f.layout.size() && f.offset < end) {
                let reason = format!(
                    "it is {} at offset {} in Rust, where the shader's struct has member {name} ({what}) at {offset} too",
                    f.layout, f.offset
                );
                return Err(Wrong { path: join(path, f.name), reason });
            }
            if end > rust.size {
                let reason = format!(
                    "the shader's struct has member {name} ({what}) at offset {offset}, beyond the {} bytes that {} has in Rust",
                    rust.size, rust.name
                );
                return Err(Wrong { path: path.into(), reason });
            }
        }
        Ok(())
    }

    /// A vector has so many numbers in a row, whether Rust calls them an array or a struct.
    fn vector(&self, rust: &TypeLayout, element: u32, len: u32, path: &str) -> Found {
        let size = self.module.constants.size(element).unwrap_or(0) as usize;
        let offsets: Vec<usize> = (0..len as usize).map(|i| i * size).collect();
        self.numbers(rust, element, &offsets, path, &format!("{len} of {}", describe(self.module, element)))
    }

    fn matrix(&self, rust: &TypeLayout, m: MatrixOf, path: &str) -> Found {
        let size = self.module.constants.size(m.number).unwrap_or(0) as usize;
        let run = |o: u32| (0..m.inner).map(move |i| o as usize * m.stride as usize + i as usize * size);
        let offsets: Vec<usize> = (0..m.outer).flat_map(run).collect();
        let what = format!(
            "a {}-major matrix, {} runs of {} {}, {} bytes apart",
            if m.row_major { "row" } else { "column" },
            m.outer,
            m.inner,
            describe(self.module, m.number),
            m.stride
        );
        // Six numbers in a row are a matrix either way round; an array of arrays says which it means.
        if let TypeLayout::Array { element: TypeLayout::Array { len: inner, .. }, len, .. } = rust
            && (*len, *inner) != (m.outer as usize, m.inner as usize)
        {
            return Err(Wrong { path: path.into(), reason: format!("it is {rust} in Rust, but {what} in the shader") });
        }
        self.numbers(rust, m.number, &offsets, path, &what)
    }

    /// `rust` is made of numbers of type `number` at exactly these offsets.
    fn numbers(&self, rust: &TypeLayout, number: u32, offsets: &[usize], path: &str, what: &str) -> Found {
        let mut leaves = vec![];
        leaves_of(rust, 0, &mut leaves, offsets.len() + 1);
        let fits = |(leaf, offset): (&(usize, Option<Scalar>), &usize)| {
            leaf.0 == *offset
                && matches!((leaf.1, self.module.shape(number)), (Some(s), Shape::Number(k)) if same(s, k))
        };
        if leaves.len() == offsets.len() && leaves.iter().zip(offsets).all(fits) {
            return Ok(());
        }
        Err(Wrong { path: path.into(), reason: format!("it is {rust} in Rust, but {what} in the shader") })
    }

    fn offset(&self, ty: u32, member: u32) -> Option<usize> {
        let offset = self.module.module.member_decoration(ty, member, Decoration::Offset)?.first()?;
        Some(*offset as usize)
    }
}

fn join(path: &str, field: &str) -> String {
    if path.ends_with("->") { format!("{path}{field}") } else { format!("{path}.{field}") }
}

/// Offset and kind of each number in a type, `None` standing for a pointer; no more than `most`.
fn leaves_of(rust: &TypeLayout, at: usize, leaves: &mut Vec<(usize, Option<Scalar>)>, most: usize) {
    if leaves.len() >= most {
        return;
    }
    match rust {
        TypeLayout::Scalar(s) => leaves.push((at, Some(*s))),
        TypeLayout::Pointer(_) => leaves.push((at, None)),
        TypeLayout::Array { element, len, stride } => {
            for i in 0..(*len).min(most) {
                leaves_of(element, at + i * stride, leaves, most);
            }
        }
        TypeLayout::Struct(s) => {
            for f in s.fields {
                leaves_of(&f.layout, at + f.offset, leaves, most);
            }
        }
    }
}

/// Rust has no stable 16-bit float: `u16` stands for its bits.
fn same(rust: Scalar, shader: ConstantKind) -> bool {
    let int = |bits, signed| ConstantKind::Int { bits, signed };
    match rust {
        Scalar::U8 => shader == int(8, false),
        Scalar::I8 => shader == int(8, true),
        Scalar::U16 => shader == int(16, false) || shader == ConstantKind::Float { bits: 16 },
        Scalar::I16 => shader == int(16, true),
        Scalar::U32 => shader == int(32, false),
        Scalar::I32 => shader == int(32, true),
        Scalar::U64 => shader == int(64, false),
        Scalar::I64 => shader == int(64, true),
        Scalar::F32 => shader == ConstantKind::Float { bits: 32 },
        Scalar::F64 => shader == ConstantKind::Float { bits: 64 },
    }
}

/// A SPIR-V type for messages, in GLSL's words where it has them.
pub(super) fn describe(module: &Reflection, ty: u32) -> String {
    let name = |ty| module.module.name(ty).map(|n| format!(" '{n}'")).unwrap_or_default();
    match module.shape(ty) {
        Shape::Number(ConstantKind::Bool) => "bool".into(),
        Shape::Number(ConstantKind::Int { bits, signed }) => format!("{}int{bits}_t", if signed { "" } else { "u" }),
        Shape::Number(ConstantKind::Float { bits }) => format!("float{bits}_t"),
        Shape::Vector { element, len } => format!("a vector of {len} {}", describe(module, element)),
        Shape::Matrix { columns, .. } => format!("a matrix of {columns} columns"),
        Shape::Array { element, len, .. } => {
            let len = len.map_or("?".into(), |l| l.to_string());
            format!("an array of {len} {}", describe(module, element))
        }
        Shape::RuntimeArray { element, .. } => format!("a runtime array of {}", describe(module, element)),
        Shape::Struct { .. } => format!("a struct{}", name(ty)),
        Shape::Pointer { to, .. } => format!("a reference{}", name(to)),
        Shape::Other => "a type that memory cannot share".into(),
    }
}
