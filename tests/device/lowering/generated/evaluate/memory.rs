//! Values, and the memory that they are loaded from and stored to.

use super::module::{Kind, Module};
use crate::lowering::case::HEAP;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A scalar's bits, zero above its width; a truth.
    Bits(u64),
    Parts(Vec<Value>),
    /// A pointer into the heap.
    Heap(Place),
    /// A pointer to a variable, or into one.
    Variable {
        variable: u32,
        path: Vec<usize>,
    },
}

/// Where in the heap, and how what lies there is laid out where its type does not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub address: u64,
    /// Of a matrix, or of those in an array: the stride, and whether it is row-major.
    pub matrix: Option<(u64, bool)>,
    /// Of a row-major matrix's column: bytes from a component to the next.
    pub apart: Option<u64>,
}

impl Value {
    pub fn bits(&self) -> Result<u64, String> {
        match self {
            Value::Bits(bits) => Ok(*bits),
            other => Err(format!("{other:?} is no scalar")),
        }
    }

    pub fn place(&self) -> Result<Place, String> {
        match self {
            Value::Heap(place) => Ok(*place),
            other => Err(format!("{other:?} is no pointer into the heap")),
        }
    }

    pub fn parts(&self) -> Result<&[Value], String> {
        match self {
            Value::Parts(parts) => Ok(parts),
            other => Err(format!("{other:?} has no parts")),
        }
    }
}

impl Place {
    pub fn at(address: u64) -> Place {
        Place { address, matrix: None, apart: None }
    }
}

/// The heap.
#[derive(Default)]
pub struct Memory {
    pub image: Vec<u8>,
    /// Vectors loaded or stored that lie across a border of [`PAGES`].
    pub straddles: [usize; 3],
}

/// Sizes of pages, as binary logarithms.
pub const PAGES: [u32; 3] = [8, 12, 16];

impl Memory {
    fn bytes(&mut self, address: u64, count: usize) -> Result<&mut [u8], String> {
        let start = address.wrapping_sub(HEAP);
        let end = start.checked_add(count as u64).filter(|end| *end <= self.image.len() as u64);
        let Some(end) = end else { return Err(format!("{count} bytes at {address:#x} are not in the heap")) };
        Ok(&mut self.image[start as usize..end as usize])
    }

    /// Counts a vector that is about to be touched, if it straddles.
    fn watch(&mut self, module: &Module, ty: u32, place: Place) -> Result<(), String> {
        if let (Kind::Vector { component, count }, None) = (module.kind(ty)?, place.apart) {
            let last = place.address + module.width(*component)? as u64 * u64::from(*count) - 1;
            for (straddles, shift) in self.straddles.iter_mut().zip(PAGES) {
                *straddles += usize::from(place.address >> shift != last >> shift);
            }
        }
        Ok(())
    }

    pub fn load(&mut self, module: &Module, ty: u32, place: Place) -> Result<Value, String> {
        let value = match module.kind(ty)? {
            Kind::Scalar { bytes } | Kind::Pointer { bytes, .. } => {
                let mut word = [0; 8];
                word[..*bytes].copy_from_slice(self.bytes(place.address, *bytes)?);
                let bits = u64::from_le_bytes(word);
                match module.kind(ty)? {
                    Kind::Pointer { .. } => Value::Heap(Place::at(bits)),
                    _ => Value::Bits(bits),
                }
            }
            _ => {
                self.watch(module, ty, place)?;
                let parts = module.parts(ty, place)?;
                Value::Parts(
                    parts.into_iter().map(|(ty, place)| self.load(module, ty, place)).collect::<Result<_, _>>()?,
                )
            }
        };
        Ok(value)
    }

    pub fn store(&mut self, module: &Module, ty: u32, place: Place, value: &Value) -> Result<(), String> {
        match module.kind(ty)? {
            Kind::Scalar { bytes } | Kind::Pointer { bytes, .. } => {
                let bits = match value {
                    Value::Heap(place) => place.address,
                    other => other.bits()?,
                };
                self.bytes(place.address, *bytes)?.copy_from_slice(&bits.to_le_bytes()[..*bytes]);
            }
            _ => {
                self.watch(module, ty, place)?;
                for ((ty, place), part) in module.parts(ty, place)?.into_iter().zip(value.parts()?) {
                    self.store(module, ty, place, part)?;
                }
            }
        }
        Ok(())
    }
}
