//! What a SPIR-V module says about itself, seen from one compute entry point.

mod access;
mod constants;
mod module;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use access::Accesses;
pub(crate) use constants::{ConstantKind, Constants, Override};
pub(crate) use module::Module;
pub(crate) use types::{MatrixOf, Shape};

use crate::{Error, Result};
use module::{ids, invalid};
use rspirv::dr::{Instruction, Operand};
use rspirv::spirv::{BuiltIn, Capability, Decoration, ExecutionMode, ExecutionModel, Op, StorageClass};
use std::collections::{BTreeMap, BTreeSet};

/// A module seen from one entry point: what it needs and what its argument block looks like. Whatever the entry point
/// does not reach does not count.
#[derive(Debug)]
pub(crate) struct Reflection {
    /// Invocations in a workgroup, with the specialization applied.
    pub local_size: [u32; 3],
    /// Whether it is given by the execution mode `LocalSizeId`.
    pub local_size_id: bool,
    /// Declared by the module.
    pub capabilities: Vec<Capability>,
    /// Bytes of `shared` variables, without padding between them; `None` if their size is computed in a way that is
    /// not followed.
    pub shared_bytes: Option<u64>,
    /// The push-constant block's struct type, if the entry point uses one.
    pub block: Option<u32>,
    /// Loads and stores through pointers.
    pub accesses: Accesses,
    pub(crate) module: Module,
    pub(crate) constants: Constants,
}

impl Reflection {
    /// Reads `words` (either byte order). `overrides` are values for specialization constants by their ids.
    ///
    /// # Errors
    /// `InvalidSpirv`, `NoEntryPoint`, `BadConstant`, and `UnsupportedInterface` for descriptors and other resources
    /// that a launch does not provide.
    pub fn new(words: &[u32], entry: &str, overrides: &BTreeMap<u32, Override>) -> Result<Self> {
        let module = Module::parse(words)?;
        let function = entry_function(&module, entry)?;
        let constants = Constants::evaluate(entry, &module, overrides)?;
        let body = reached(&module, function);
        let variables = variables(&module, &body);
        let (mut block, mut shared) = (None, Some(0u64));
        for &v in &variables {
            let (class, ty) = variable(&module, v)?;
            match class {
                StorageClass::PushConstant => {
                    if block.replace(ty).is_some() {
                        return invalid(format!("entry point '{entry}' uses two push-constant blocks"));
                    }
                    if module.global_op(ty).is_none_or(|(op, _)| op != Op::TypeStruct) {
                        return invalid("the push-constant block is no struct");
                    }
                }
                StorageClass::Workgroup => {
                    let size = constants.size(ty);
                    shared = shared.and_then(|sum| sum.checked_add(size?));
                }
                StorageClass::Input | StorageClass::Private | StorageClass::Function => {}
                other => {
                    let what = resource(&module, v, ty, other);
                    return Err(Error::UnsupportedInterface { kernel: entry.into(), what });
                }
            }
        }
        let local_size = local_size(&module, &constants, function)?;
        let accesses = Accesses::find(&module, &constants, &body);
        let capabilities = module.capabilities.clone();
        let local_size_id = module.modes.iter().any(|m| m.function == function && m.mode == ExecutionMode::LocalSizeId);
        Ok(Reflection {
            local_size,
            local_size_id,
            capabilities,
            shared_bytes: shared,
            block,
            accesses,
            module,
            constants,
        })
    }

    /// What a type is.
    pub fn shape(&self, ty: u32) -> Shape {
        Shape::of(&self.module, &self.constants, ty)
    }

    /// Bytes of a struct's member.
    pub fn size_in(&self, ty: u32, index: u32, member: u32) -> Option<usize> {
        let matrix = MatrixOf::member(&self.module, &self.constants, ty, index, member);
        let size = matrix.and_then(|m| m.size(self.constants.size(m.number)?)).or_else(|| self.constants.size(member));
        size.and_then(|s| usize::try_from(s).ok())
    }
}

fn entry_function(module: &Module, name: &str) -> Result<u32> {
    let compute = || module.entries.iter().filter(|e| e.model == ExecutionModel::GLCompute);
    let Some(entry) = compute().find(|e| e.name == name) else {
        let found = compute().map(|e| e.name.clone()).collect();
        return Err(Error::NoEntryPoint { entry: name.into(), found });
    };
    if !module.functions.contains_key(&entry.function) {
        return invalid(format!(
            "entry point '{name}' names function %{}, which the module does not have",
            entry.function
        ));
    }
    Ok(entry.function)
}

/// The instructions of every function that `from` may call, itself included.
fn reached(module: &Module, from: u32) -> Vec<&Instruction> {
    let (mut seen, mut open, mut body) = (BTreeSet::from([from]), vec![from], vec![]);
    while let Some(f) = open.pop() {
        for i in module.functions.get(&f).into_iter().flatten() {
            if i.class.opcode == Op::FunctionCall
                && let Some(Operand::IdRef(callee)) = i.operands.first()
                && seen.insert(*callee)
            {
                open.push(*callee);
            }
            body.push(i);
        }
    }
    body
}

/// The global variables that these instructions name, directly or through constants.
fn variables(module: &Module, body: &[&Instruction]) -> BTreeSet<u32> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<u32> = body.iter().flat_map(|i| ids(i)).collect();
    while let Some(id) = open.pop() {
        let Some(i) = module.globals.get(&id).filter(|_| seen.insert(id)) else { continue };
        match i.class.opcode {
            Op::Variable => {
                found.insert(id);
                open.extend(ids(i));
            }
            Op::ConstantComposite | Op::SpecConstantComposite => open.extend(ids(i)),
            _ => {}
        }
    }
    found
}

/// A variable's storage class and the type of what it holds.
fn variable(module: &Module, id: u32) -> Result<(StorageClass, u32)> {
    let pointer = module.globals.get(&id).and_then(|i| i.result_type);
    match pointer.and_then(|p| module.global_op(p)) {
        Some((Op::TypePointer, [Operand::StorageClass(class), Operand::IdRef(ty)])) => Ok((*class, *ty)),
        _ => invalid(format!("variable %{id} has no pointer type")),
    }
}

fn resource(module: &Module, id: u32, ty: u32, class: StorageClass) -> String {
    let kind = match class {
        StorageClass::StorageBuffer => "a storage buffer",
        StorageClass::Uniform if module.decoration(ty, Decoration::BufferBlock).is_some() => "a storage buffer",
        StorageClass::Uniform => "a uniform buffer",
        StorageClass::UniformConstant => "an image, sampler or other descriptor",
        other => return format!("a variable of storage class {other:?}"),
    };
    let name = module.name(id).or(module.name(ty)).map(|n| format!(" '{n}'")).unwrap_or_default();
    let number = |d| match module.decoration(id, d) {
        Some([n]) => n.to_string(),
        _ => "?".into(),
    };
    format!("{kind}{name} (set {}, binding {})", number(Decoration::DescriptorSet), number(Decoration::Binding))
}

/// The workgroup size: the WorkgroupSize built-in goes before execution modes.
fn local_size(module: &Module, constants: &Constants, function: u32) -> Result<[u32; 3]> {
    let computed = || invalid("its workgroup size is computed from constants in a way that vksvm does not follow");
    let value = |id: &u32| constants.value(*id).and_then(|v| u32::try_from(v).ok());
    let built_in = module
        .order
        .iter()
        .find(|id| module.decoration(**id, Decoration::BuiltIn) == Some(&[BuiltIn::WorkgroupSize as u32]));
    let size = if let Some(id) = built_in {
        match constants.parts(*id) {
            Some([x, y, z]) => [x, y, z].map(value),
            _ => return computed(),
        }
    } else {
        let mut modes = module.modes.iter().filter(|m| m.function == function);
        let found = modes.find(|m| matches!(m.mode, ExecutionMode::LocalSize | ExecutionMode::LocalSizeId));
        match found.map(|m| (m.mode, m.operands.as_slice())) {
            Some((ExecutionMode::LocalSize, [x, y, z])) => [Some(*x), Some(*y), Some(*z)],
            Some((ExecutionMode::LocalSizeId, [x, y, z])) => [x, y, z].map(value),
            _ => return invalid("its entry point has no workgroup size"),
        }
    };
    match size {
        [Some(x), Some(y), Some(z)] if x > 0 && y > 0 && z > 0 => Ok([x, y, z]),
        [Some(_), Some(_), Some(_)] => invalid("its workgroup size has a zero"),
        _ => computed(),
    }
}
