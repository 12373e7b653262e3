//! Runs the instructions of one invocation.

use super::atomics::atomic;
use super::memory::{Memory, Place, Value};
use super::module::{Kind, Module, number, operand, signed, truncate};
use rspirv::dr::{Block, Function, Instruction};
use rspirv::spirv::{Op, StorageClass};
use std::collections::HashMap;

/// More instructions than any invocation runs.
const STEPS: usize = 1 << 22;

pub struct Run<'m> {
    module: &'m Module,
    memory: &'m mut Memory,
    variables: HashMap<u32, Value>,
    /// Each variable gets a number of its own when its function is entered.
    next: u32,
    steps: usize,
}

/// Values by their ids, and their types.
#[derive(Default)]
struct Frame {
    values: HashMap<u32, Value>,
    types: HashMap<u32, u32>,
}

/// Runs the entry point.
pub fn invocation(module: &Module, memory: &mut Memory, arguments: &[u8], number: u32) -> Result<(), String> {
    let mut run = Run { module, memory, variables: HashMap::new(), next: 1 << 24, steps: 0 };
    for (id, class, ty, initial) in &module.variables {
        let value = match class {
            StorageClass::PushConstant => {
                // The same layout rules as anywhere else: read from a heap that is the arguments.
                let mut image = Memory { image: arguments.to_vec(), ..Memory::default() };
                image.load(module, *ty, Place::at(crate::lowering::case::HEAP))?
            }
            _ if Some(*id) == module.invocation => {
                Value::Parts(vec![Value::Bits(number.into()), Value::Bits(0), Value::Bits(0)])
            }
            _ => initial.clone().map_or_else(|| module.zero(*ty), Ok)?,
        };
        run.variables.insert(*id, value);
    }
    run.call(module.entry, &[]).map(|_| ())
}

impl Run<'_> {
    fn call(&mut self, id: u32, arguments: &[Value]) -> Result<Option<Value>, String> {
        let function: &Function = self.module.functions.get(&id).ok_or("no such function")?;
        let mut frame = Frame { values: self.module.constants.clone(), types: self.module.types.clone() };
        for (id, _, _, _) in &self.module.variables {
            frame.values.insert(*id, Value::Variable { variable: *id, path: Vec::new() });
        }
        for (parameter, value) in function.parameters.iter().zip(arguments) {
            let id = parameter.result_id.ok_or("a parameter without id")?;
            frame.values.insert(id, value.clone());
            frame.types.insert(id, parameter.result_type.ok_or("a parameter without type")?);
        }
        let label = |block: &Block| block.label.as_ref().and_then(|label| label.result_id).unwrap_or_default();
        let blocks: HashMap<u32, &Block> = function.blocks.iter().map(|block| (label(block), block)).collect();
        let (mut before, mut at) = (0, label(&function.blocks[0]));
        loop {
            let block = blocks.get(&at).ok_or("no such block")?;
            // All phis take what their operands were before the first of them.
            let phis = block.instructions.iter().filter(|i| i.class.opcode == Op::Phi);
            let phis: Vec<_> = phis.map(|phi| self.phi(&frame, phi, before)).collect::<Result<_, _>>()?;
            for (id, ty, value) in phis {
                frame.values.insert(id, value);
                frame.types.insert(id, ty);
            }
            let mut target = None;
            for instruction in &block.instructions {
                self.steps += 1;
                if self.steps > STEPS {
                    return Err("it does not end".into());
                }
                let get = |index: usize| frame.get(operand(instruction, index)?);
                match instruction.class.opcode {
                    Op::Phi => {}
                    Op::Return => return Ok(None),
                    Op::ReturnValue => return get(0).map(Some),
                    Op::Branch => target = Some(operand(instruction, 0)?),
                    Op::BranchConditional => {
                        target = Some(operand(instruction, if get(0)?.bits()? == 1 { 1 } else { 2 })?);
                    }
                    Op::Switch => {
                        let selector = get(0)?.bits()?;
                        let cases = instruction.operands[2..].chunks_exact(2);
                        let mut fits = cases.filter(|case| u64::from(number(&case[0])) == selector);
                        target = Some(fits.next().map_or(operand(instruction, 1)?, |case| number(&case[1])));
                    }
                    _ => {
                        let value = self.act(&frame, instruction).map_err(|e| format!("{e}, in {instruction:?}"))?;
                        if let (Some(id), Some(value)) = (instruction.result_id, value) {
                            frame.values.insert(id, value);
                            frame.types.insert(id, instruction.result_type.unwrap_or_default());
                        }
                    }
                }
            }
            (before, at) = (at, target.ok_or("a block without end")?);
        }
    }

    fn phi(&self, frame: &Frame, phi: &Instruction, before: u32) -> Result<(u32, u32, Value), String> {
        let mut ways = phi.operands.chunks_exact(2);
        let way = ways.find(|way| number(&way[1]) == before).ok_or("a phi without this way")?;
        let (id, ty) = phi.result_id.zip(phi.result_type).ok_or("a phi without id")?;
        Ok((id, ty, frame.get(number(&way[0]))?))
    }

    /// An instruction that does not end a block.
    fn act(&mut self, frame: &Frame, instruction: &Instruction) -> Result<Option<Value>, String> {
        let module = self.module;
        let ty = instruction.result_type.unwrap_or_default();
        let at = |index: usize| operand(instruction, index);
        let get = |index: usize| frame.get(at(index)?);
        let bits = |index: usize| get(index).and_then(|value| value.bits());
        let width = |index: usize| module.width(frame.ty(at(index)?)?);
        let value = match instruction.class.opcode {
            Op::Line | Op::NoLine | Op::SelectionMerge | Op::LoopMerge => return Ok(None),
            Op::Variable => {
                self.next += 1;
                let variable = self.next;
                self.variables.insert(variable, module.zero(module.pointee(ty)?)?);
                Value::Variable { variable, path: Vec::new() }
            }
            Op::Load => self.load(ty, &get(0)?)?,
            Op::Store => {
                let ty = frame.pointee(module, at(0)?).or_else(|_| frame.ty(at(1)?))?;
                self.store(ty, &get(0)?, get(1)?)?;
                return Ok(None);
            }
            Op::CopyMemory => {
                let ty = frame.pointee(module, at(0)?).or_else(|_| frame.pointee(module, at(1)?))?;
                let value = self.load(ty, &get(1)?)?;
                self.store(ty, &get(0)?, value)?;
                return Ok(None);
            }
            Op::AccessChain | Op::InBoundsAccessChain | Op::PtrAccessChain => self.chain(frame, instruction)?,
            Op::FunctionCall => {
                let arguments: Vec<Value> =
                    instruction.operands[1..].iter().map(|id| frame.get(number(id))).collect::<Result<_, _>>()?;
                return self.call(at(0)?, &arguments);
            }
            Op::CopyObject => get(0)?,
            Op::Bitcast => bitcast(module, ty, get(0)?)?,
            Op::ConvertPtrToU => Value::Bits(get(0)?.place()?.address),
            Op::ConvertUToPtr => Value::Heap(Place::at(bits(0)?)),
            Op::UConvert => Value::Bits(truncate(bits(0)?, module.width(ty)?)),
            Op::SConvert => Value::Bits(truncate(signed(bits(0)?, width(0)?) as u64, module.width(ty)?)),
            Op::ConvertUToF => Value::Bits((bits(0)? as f32).to_bits().into()),
            Op::CompositeConstruct => {
                Value::Parts(instruction.operands.iter().map(|id| frame.get(number(id))).collect::<Result<_, _>>()?)
            }
            Op::CompositeExtract => {
                let literals = &instruction.operands[1..];
                literals
                    .iter()
                    .try_fold(get(0)?, |value, index| Ok::<_, String>(value.parts()?[number(index) as usize].clone()))?
            }
            Op::CompositeInsert => {
                let path: Vec<usize> = instruction.operands[2..].iter().map(|index| number(index) as usize).collect();
                let mut whole = get(1)?;
                *inside(&mut whole, &path)? = get(0)?;
                whole
            }
            Op::Select => get(if bits(0)? == 1 { 1 } else { 2 })?,
            Op::ULessThan => Value::Bits((bits(0)? < bits(1)?).into()),
            Op::IEqual => Value::Bits((bits(0)? == bits(1)?).into()),
            Op::INotEqual => Value::Bits((bits(0)? != bits(1)?).into()),
            op @ (Op::IAdd
            | Op::ISub
            | Op::IMul
            | Op::UMod
            | Op::BitwiseXor
            | Op::BitwiseAnd
            | Op::ShiftRightLogical) => {
                let (one, other) = (bits(0)?, bits(1)?);
                let result = match op {
                    Op::IAdd => one.wrapping_add(other),
                    Op::ISub => one.wrapping_sub(other),
                    Op::IMul => one.wrapping_mul(other),
                    Op::UMod => one.checked_rem(other).ok_or("division by zero")?,
                    Op::BitwiseXor => one ^ other,
                    Op::BitwiseAnd => one & other,
                    _ => one >> other,
                };
                Value::Bits(truncate(result, module.width(ty)?))
            }
            op => {
                let place = get(0)?.place()?;
                let operands: Vec<Option<Value>> =
                    (0..instruction.operands.len()).map(|index| get(index).ok()).collect();
                let scalar = if op == Op::AtomicStore { frame.ty(at(3)?)? } else { ty };
                return atomic(module, self.memory, op, scalar, place, &operands);
            }
        };
        Ok(Some(value))
    }

    fn load(&mut self, ty: u32, pointer: &Value) -> Result<Value, String> {
        match pointer {
            Value::Variable { variable, path } => {
                let whole = self.variables.get_mut(variable).ok_or("no such variable")?;
                Ok(inside(whole, path)?.clone())
            }
            other => self.memory.load(self.module, ty, other.place()?),
        }
    }

    fn store(&mut self, ty: u32, pointer: &Value, value: Value) -> Result<(), String> {
        match pointer {
            Value::Variable { variable, path } => {
                let whole = self.variables.get_mut(variable).ok_or("no such variable")?;
                *inside(whole, path)? = value;
                Ok(())
            }
            other => self.memory.store(self.module, ty, other.place()?, &value),
        }
    }

    fn chain(&self, frame: &Frame, instruction: &Instruction) -> Result<Value, String> {
        let base = operand(instruction, 0)?;
        let mut indices = instruction.operands[1..].iter().map(|operand| {
            let id = number(operand);
            let bytes = self.module.width(frame.ty(id)?)?;
            Ok::<_, String>(signed(frame.get(id)?.bits()?, bytes))
        });
        let mut place = match frame.get(base)? {
            Value::Variable { variable, mut path } => {
                for index in indices {
                    path.push(index? as usize);
                }
                return Ok(Value::Variable { variable, path });
            }
            other => other.place()?,
        };
        let pointer = frame.ty(base)?;
        let mut ty = self.module.pointee(pointer)?;
        if instruction.class.opcode == Op::PtrAccessChain {
            let index = indices.next().ok_or("no element")??;
            place.address = place.address.wrapping_add(self.module.stride(pointer)?.wrapping_mul(index as u64));
        }
        for index in indices {
            (ty, place) = self.module.part(ty, place, index?)?;
        }
        Ok(Value::Heap(place))
    }
}

impl Frame {
    fn get(&self, id: u32) -> Result<Value, String> {
        self.values.get(&id).cloned().ok_or_else(|| format!("no value %{id}"))
    }

    fn ty(&self, id: u32) -> Result<u32, String> {
        self.types.get(&id).copied().ok_or_else(|| format!("no type of %{id}"))
    }

    fn pointee(&self, module: &Module, id: u32) -> Result<u32, String> {
        module.pointee(self.ty(id)?)
    }
}

/// A part of a value.
fn inside<'v>(value: &'v mut Value, path: &[usize]) -> Result<&'v mut Value, String> {
    path.iter().try_fold(value, |value, index| match value {
        Value::Parts(parts) => parts.get_mut(*index).ok_or_else(|| "no such part".to_string()),
        other => Err(format!("{other:?} has no parts")),
    })
}

fn bitcast(module: &Module, ty: u32, value: Value) -> Result<Value, String> {
    Ok(match (module.kind(ty)?, value) {
        (Kind::Pointer { .. }, Value::Heap(place)) => Value::Heap(Place::at(place.address)),
        (Kind::Pointer { .. }, Value::Parts(parts)) => {
            let (low, high) = (parts[0].bits()?, parts[1].bits()?);
            Value::Heap(Place::at(low | high << 32))
        }
        (Kind::Vector { .. }, Value::Heap(place)) => {
            Value::Parts(vec![Value::Bits(truncate(place.address, 4)), Value::Bits(place.address >> 32)])
        }
        (Kind::Scalar { .. }, value @ Value::Bits(_)) => value,
        (kind, value) => return Err(format!("cannot cast {value:?} to {kind:?}")),
    })
}

/// An operand's value, for atomics.
pub fn bits_at(operands: &[Option<Value>], index: usize) -> Result<u64, String> {
    operands.get(index).and_then(Option::as_ref).ok_or("an operand is missing")?.bits()
}
