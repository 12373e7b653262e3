//! Compares an argument struct with the shader's argument block when a kernel is loaded.

#[cfg(test)]
mod block_tests;
mod element;
#[cfg(test)]
mod tests;

use super::{
    args::Access,
    encode::{ArgKind, ArgLayout},
    layout::TypeLayout,
    reflect::{ConstantKind, Reflection, Shape},
};
use crate::{Error, Result};
use element::{Elements, Layouts};
use rspirv::spirv::Decoration;
use std::fmt::Write;

/// What the module says about an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ArgFacts {
    /// The field's name.
    pub name: &'static str,
    /// What the kernel does with the slice; `None` for a value.
    pub access: Option<Access>,
    /// The alignment in bytes that the slice's address must have; 1 for a value.
    pub alignment: u32,
}

/// Checks that `args`, the members of the Rust struct, are those of the shader's argument block. The facts are in the
/// order of `args`.
///
/// # Errors
/// `ArgumentMismatch` where number, offset, size or kind differ; `LayoutMismatch` where a struct or a slice's element
/// differs; `WritesInput` for an `In` that the shader may write. Each names the first that it meets.
pub(crate) fn check(kernel: &str, module: &Reflection, args: &[ArgLayout]) -> Result<Vec<ArgFacts>> {
    let block = Block::new(module)?;
    let mut facts = vec![];
    for (i, arg) in args.iter().enumerate() {
        let check = Check { kernel, module, arg };
        let Some(member) = block.members.get(i) else {
            return check.mismatch(block.counts(args, "which the shader's argument block does not have"));
        };
        check.place(member)?;
        let (access, alignment) = match &arg.kind {
            ArgKind::Value(layout) => {
                check.value(&block, member, layout)?;
                (None, 1)
            }
            ArgKind::Slice { access, element } => (Some(*access), check.slice(member, *access, element)?),
        };
        facts.push(ArgFacts { name: arg.name, access, alignment });
    }
    if let Some(more) = block.members.get(args.len()) {
        let reason = block.counts(args, "which the Rust struct does not have");
        return Err(Error::ArgumentMismatch { kernel: kernel.into(), field: more.plain_name(), reason });
    }
    Ok(facts)
}

/// The shader's argument block.
struct Block {
    ty: Option<u32>,
    members: Vec<Member>,
}

struct Member {
    index: u32,
    /// As messages call it.
    name: String,
    ty: u32,
    offset: usize,
    size: Option<usize>,
    what: String,
}

impl Block {
    fn new(module: &Reflection) -> Result<Self> {
        let Some(ty) = module.block else { return Ok(Block { ty: None, members: vec![] }) };
        let Shape::Struct { members } = module.shape(ty) else { return Ok(Block { ty: None, members: vec![] }) };
        let mut list = vec![];
        for (index, &member) in (0..).zip(&members) {
            let Some([offset]) = module.module.member_decoration(ty, index, Decoration::Offset) else {
                let reason = format!("member {index} of the push-constant block has no offset");
                return Err(Error::InvalidSpirv { reason });
            };
            list.push(Member {
                index,
                name: module.module.member_name(ty, index),
                ty: member,
                offset: *offset as usize,
                size: module.size_in(ty, index, member),
                what: element::describe(module, member),
            });
        }
        // Members may be declared in any order; arguments come by rising offset.
        list.sort_by_key(|m| m.offset);
        Ok(Block { ty: Some(ty), members: list })
    }

    fn counts(&self, args: &[ArgLayout], which: &str) -> String {
        let mut text = format!("{which}. Rust has {}:", args.len());
        for a in args {
            let _ = write!(text, " {} at {},", a.name, a.offset);
        }
        let _ = write!(text, " the shader {}:", self.members.len());
        for m in &self.members {
            let _ = write!(text, " {} at {},", m.name, m.offset);
        }
        text.trim_end_matches([',', ':']).to_string()
    }
}

impl Member {
    fn plain_name(&self) -> String {
        self.name.trim_matches('\'').to_string()
    }
}

struct Check<'a> {
    kernel: &'a str,
    module: &'a Reflection,
    arg: &'a ArgLayout,
}

impl Check<'_> {
    fn mismatch<T>(&self, reason: String) -> Result<T> {
        Err(Error::ArgumentMismatch { kernel: self.kernel.into(), field: self.arg.name.into(), reason })
    }

    fn place(&self, m: &Member) -> Result<()> {
        let (a, rust) = (self.arg, self.rust());
        if a.offset != m.offset {
            return self.mismatch(format!(
                "it is {rust} at offset {} in Rust, but the shader's block has member {} ({}) at offset {}; \
                 declare the members in the same order and the block with layout(scalar)",
                a.offset, m.name, m.what, m.offset
            ));
        }
        // A struct's end may be padding that the shader does not declare; what follows it has its own offset.
        let is_struct = matches!(a.kind, ArgKind::Value(TypeLayout::Struct(_)));
        if !is_struct && m.size.is_some_and(|size| size != a.size) {
            return self.mismatch(format!(
                "it is {rust} of {} bytes in Rust, but member {} of the shader's block is {} of {} bytes",
                a.size,
                m.name,
                m.what,
                m.size.unwrap_or(0)
            ));
        }
        Ok(())
    }

    fn rust(&self) -> String {
        match &self.arg.kind {
            ArgKind::Value(layout) => layout.to_string(),
            ArgKind::Slice { access, element } => format!("{access:?}<{element}>"),
        }
    }

    fn value(&self, block: &Block, m: &Member, layout: &TypeLayout) -> Result<()> {
        let Some(ty) = block.ty else { return Ok(()) };
        let found = Layouts::new(self.module).member(layout, (ty, m.index), m.ty);
        match (found, layout) {
            (Ok(()), _) => Ok(()),
            (Err(wrong), TypeLayout::Scalar(_)) => self.mismatch(format!("{} (member {})", wrong.reason, m.name)),
            (Err(wrong), _) => self.layout(wrong),
        }
    }

    fn layout<T>(&self, wrong: element::Wrong) -> Result<T> {
        Err(Error::LayoutMismatch {
            kernel: self.kernel.into(),
            argument: self.arg.name.into(),
            field: wrong.path,
            reason: wrong.reason,
        })
    }

    /// The alignment that the slice's address must have.
    fn slice(&self, m: &Member, access: Access, element: &TypeLayout) -> Result<u32> {
        let writes =
            |block: String| Err(Error::WritesInput { kernel: self.kernel.into(), field: self.arg.name.into(), block });
        match self.module.shape(m.ty) {
            Shape::Pointer { to, stride } => {
                let touch = self.module.accesses.through(to);
                let name = self.module.module.name(to).unwrap_or(self.arg.name).to_string();
                if access == Access::In && (touch.written || !read_only(self.module, to)) {
                    return writes(name);
                }
                Layouts::new(self.module)
                    .pointee(element, Elements { to, stride })
                    .or_else(|wrong| self.layout(wrong))?;
                Ok(touch.align.max(element.align() as u32))
            }
            _ if is_address(self.module, m.ty) => {
                if access == Access::In {
                    return writes(format!("{} ({})", m.plain_name(), m.what));
                }
                Ok(self.module.accesses.of_member(m.index).align.max(element.align() as u32))
            }
            _ => self.mismatch(format!(
                "it is a slice, {}, in Rust, but member {} of the shader's block is {}; declare it as a buffer reference",
                self.rust(),
                m.name,
                m.what
            )),
        }
    }
}

/// An address as a number: a 64-bit integer, or two of 32 bits.
fn is_address(module: &Reflection, ty: u32) -> bool {
    match module.shape(ty) {
        Shape::Number(ConstantKind::Int { bits: 64, .. }) => true,
        Shape::Vector { element, len: 2 } => {
            matches!(module.shape(element), Shape::Number(ConstantKind::Int { bits: 32, .. }))
        }
        _ => false,
    }
}

/// Whether every member of a block is decorated NonWritable, itself or in all that it is made of.
fn read_only(module: &Reflection, ty: u32) -> bool {
    match module.shape(ty) {
        Shape::Struct { members } if !members.is_empty() => (0..).zip(&members).all(|(i, member)| {
            module.module.member_decoration(ty, i, Decoration::NonWritable).is_some() || read_only(module, *member)
        }),
        Shape::Array { element, .. } | Shape::RuntimeArray { element, .. } => read_only(module, element),
        _ => false,
    }
}
