//! A module's types, constants and functions, by id.

use super::memory::{Place, Value};
use rspirv::dr::{self, Instruction, Operand};
use rspirv::spirv::{BuiltIn, Decoration, ExecutionMode, Op, StorageClass};
use std::collections::HashMap;

/// A type.
#[derive(Clone, Debug)]
pub enum Kind {
    Void,
    Truth,
    Scalar { bytes: usize },
    Vector { component: u32, count: u32 },
    Matrix { column: u32, count: u32 },
    Array { element: u32, count: u32 },
    Struct { members: Vec<u32> },
    Pointer { bytes: usize, pointee: u32 },
}

#[derive(Default)]
pub struct Member {
    pub offset: u64,
    pub matrix_stride: Option<u64>,
    pub row_major: bool,
}

pub struct Module {
    kinds: HashMap<u32, Kind>,
    members: HashMap<(u32, u32), Member>,
    strides: HashMap<u32, u64>,
    pub constants: HashMap<u32, Value>,
    /// The types of constants and variables.
    pub types: HashMap<u32, u32>,
    /// The variables outside functions: id, storage class, pointee and initial value.
    pub variables: Vec<(u32, StorageClass, u32, Option<Value>)>,
    pub functions: HashMap<u32, dr::Function>,
    pub entry: u32,
    pub local_size: u32,
    /// The variable that is the invocation's number.
    pub invocation: Option<u32>,
}

/// An operand that is a number or an id.
pub fn number(operand: &Operand) -> u32 {
    match operand {
        Operand::IdRef(id) | Operand::IdScope(id) | Operand::IdMemorySemantics(id) => *id,
        Operand::LiteralBit32(number) => *number,
        _ => 0,
    }
}

/// The id or number at this place among an instruction's operands.
pub fn operand(instruction: &Instruction, index: usize) -> Result<u32, String> {
    instruction.operands.get(index).map(number).ok_or_else(|| format!("{instruction:?} lacks operand {index}"))
}

impl Module {
    pub fn new(words: &[u32]) -> Result<Module, String> {
        let source = dr::load_words(words).map_err(|error| error.to_string())?;
        let mut module = Module {
            kinds: HashMap::new(),
            members: HashMap::new(),
            strides: HashMap::new(),
            constants: HashMap::new(),
            types: HashMap::new(),
            variables: Vec::new(),
            functions: HashMap::new(),
            entry: operand(source.entry_points.first().ok_or("no entry point")?, 1)?,
            local_size: 1,
            invocation: None,
        };
        for mode in &source.execution_modes {
            if let Some(Operand::ExecutionMode(ExecutionMode::LocalSize)) = mode.operands.get(1) {
                module.local_size = operand(mode, 2)?;
            }
        }
        source.annotations.iter().for_each(|instruction| module.annotate(instruction));
        source.types_global_values.iter().try_for_each(|instruction| module.declare(instruction))?;
        for function in source.functions {
            let id = function.def.as_ref().and_then(|def| def.result_id).ok_or("a function without id")?;
            module.functions.insert(id, function);
        }
        Ok(module)
    }

    fn annotate(&mut self, instruction: &Instruction) {
        let numbers: Vec<u32> = instruction.operands.iter().map(number).collect();
        let last = numbers.last().copied().unwrap_or_default();
        match (instruction.class.opcode, &instruction.operands[..]) {
            (Op::Decorate, [_, Operand::Decoration(Decoration::ArrayStride), ..]) => {
                self.strides.insert(numbers[0], last.into());
            }
            (
                Op::Decorate,
                [_, Operand::Decoration(Decoration::BuiltIn), Operand::BuiltIn(BuiltIn::GlobalInvocationId)],
            ) => {
                self.invocation = Some(numbers[0]);
            }
            (Op::MemberDecorate, [_, _, Operand::Decoration(decoration), ..]) => {
                let member = self.members.entry((numbers[0], numbers[1])).or_default();
                match decoration {
                    Decoration::Offset => member.offset = last.into(),
                    Decoration::MatrixStride => member.matrix_stride = Some(last.into()),
                    Decoration::RowMajor => member.row_major = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn declare(&mut self, instruction: &Instruction) -> Result<(), String> {
        let Some(id) = instruction.result_id else { return Ok(()) };
        let at = |index| operand(instruction, index);
        if let Some(ty) = instruction.result_type {
            self.types.insert(id, ty);
        }
        let kind = match instruction.class.opcode {
            Op::TypeVoid => Kind::Void,
            Op::TypeBool => Kind::Truth,
            Op::TypeInt | Op::TypeFloat => Kind::Scalar { bytes: at(0)? as usize / 8 },
            Op::TypeVector => Kind::Vector { component: at(0)?, count: at(1)? },
            Op::TypeMatrix => Kind::Matrix { column: at(0)?, count: at(1)? },
            Op::TypeArray => {
                let count = self.constants.get(&at(1)?).ok_or("an array without length")?.bits()?;
                Kind::Array { element: at(0)?, count: count as u32 }
            }
            Op::TypeRuntimeArray => Kind::Array { element: at(0)?, count: 0 },
            Op::TypeStruct => Kind::Struct { members: instruction.operands.iter().map(number).collect() },
            Op::TypePointer => Kind::Pointer { bytes: 8, pointee: at(1)? },
            Op::TypeFunction => return Ok(()),
            Op::Constant | Op::SpecConstant => {
                let ty = instruction.result_type.ok_or("a constant without type")?;
                let Kind::Scalar { bytes } = *self.kind(ty)? else { return Err("a constant of no scalar".into()) };
                let bits = match instruction.operands[0] {
                    Operand::LiteralBit32(bits) => bits.into(),
                    Operand::LiteralBit64(bits) => bits,
                    ref other => return Err(format!("a constant {other:?}")),
                };
                self.constants.insert(id, Value::Bits(truncate(bits, bytes)));
                return Ok(());
            }
            Op::Variable => {
                let Operand::StorageClass(class) = instruction.operands[0] else { return Err("a variable".into()) };
                let ty = instruction.result_type.ok_or("a variable without type")?;
                let initial = instruction.operands.get(1).and_then(|id| self.constants.get(&number(id)).cloned());
                self.variables.push((id, class, self.pointee(ty)?, initial));
                return Ok(());
            }
            other => return Err(format!("cannot evaluate {other:?}")),
        };
        self.kinds.insert(id, kind);
        Ok(())
    }

    pub fn kind(&self, ty: u32) -> Result<&Kind, String> {
        self.kinds.get(&ty).ok_or_else(|| format!("no type %{ty}"))
    }

    pub fn pointee(&self, ty: u32) -> Result<u32, String> {
        match self.kind(ty)? {
            Kind::Pointer { pointee, .. } => Ok(*pointee),
            other => Err(format!("{other:?} is no pointer")),
        }
    }

    /// The bytes of a scalar type, of a vector's component, or of a pointer.
    pub fn width(&self, ty: u32) -> Result<usize, String> {
        match self.kind(ty)? {
            Kind::Scalar { bytes } | Kind::Pointer { bytes, .. } => Ok(*bytes),
            Kind::Vector { component, .. } => self.width(*component),
            Kind::Truth => Ok(1),
            other => Err(format!("{other:?} has no width")),
        }
    }

    /// The stride of an array type or a pointer type.
    pub fn stride(&self, ty: u32) -> Result<u64, String> {
        self.strides.get(&ty).copied().ok_or_else(|| format!("%{ty} has no stride"))
    }

    /// The part of something in the heap at an index, which counts as signed: its type and where it lies.
    pub fn part(&self, ty: u32, place: Place, index: i64) -> Result<(u32, Place), String> {
        let step = |stride: u64| place.address.wrapping_add(stride.wrapping_mul(index as u64));
        Ok(match self.kind(ty)? {
            Kind::Vector { component, .. } => {
                let stride = place.apart.unwrap_or(self.width(*component)? as u64);
                (*component, Place::at(step(stride)))
            }
            Kind::Matrix { column, .. } => match place.matrix {
                Some((stride, false)) => (*column, Place::at(step(stride))),
                Some((stride, true)) => {
                    let address = step(self.width(*column)? as u64);
                    (*column, Place { address, matrix: None, apart: Some(stride) })
                }
                None => return Err("nothing tells how a matrix lies".into()),
            },
            Kind::Array { element, .. } => {
                (*element, Place { address: step(self.stride(ty)?), matrix: place.matrix, apart: None })
            }
            Kind::Struct { members } => {
                let member = self.members.get(&(ty, index as u32)).ok_or("a member without offset")?;
                let matrix = member.matrix_stride.map(|stride| (stride, member.row_major));
                let address = place.address.wrapping_add(member.offset);
                (members[index as usize], Place { address, matrix, apart: None })
            }
            other => return Err(format!("{other:?} has no parts")),
        })
    }

    /// All parts of something in the heap.
    pub fn parts(&self, ty: u32, place: Place) -> Result<Vec<(u32, Place)>, String> {
        let count = match self.kind(ty)? {
            Kind::Vector { count, .. } | Kind::Matrix { count, .. } | Kind::Array { count, .. } => *count as usize,
            Kind::Struct { members } => members.len(),
            other => return Err(format!("{other:?} has no parts")),
        };
        (0..count as i64).map(|index| self.part(ty, place, index)).collect()
    }

    /// A value of zeros, for variables that start with anything.
    pub fn zero(&self, ty: u32) -> Result<Value, String> {
        let all = |ty: u32, count: u32| (0..count).map(|_| self.zero(ty)).collect::<Result<_, _>>();
        Ok(match self.kind(ty)? {
            Kind::Vector { component: ty, count }
            | Kind::Matrix { column: ty, count }
            | Kind::Array { element: ty, count } => Value::Parts(all(*ty, *count)?),
            Kind::Struct { members } => {
                Value::Parts(members.iter().map(|member| self.zero(*member)).collect::<Result<_, _>>()?)
            }
            Kind::Pointer { .. } => Value::Heap(Place::at(0)),
            _ => Value::Bits(0),
        })
    }
}

/// The low bytes of a number.
pub fn truncate(bits: u64, bytes: usize) -> u64 {
    bits & (u64::MAX >> (64 - 8 * bytes))
}

/// The number that these low bytes are, if they are signed.
pub fn signed(bits: u64, bytes: usize) -> i64 {
    let unused = 64 - 8 * bytes as u32;
    ((bits << unused) as i64) >> unused
}
