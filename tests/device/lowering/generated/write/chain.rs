//! Access chains: from a pointer to some part of what it points to.

use super::{Element, Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::Vectors;
use crate::lowering::generated::types::{Length, Promise, Scalar, Type, low_bit};
use rspirv::spirv::Op;

/// What a chain should lead to.
pub struct Want<'f> {
    pub such: &'f dyn Fn(&Writer, &Type) -> bool,
    pub read: bool,
    pub write: bool,
    /// Whether the pointer will be carried by something else than the chain.
    pub loose: bool,
}

/// A chain that is being built: indices not yet in an instruction.
struct Open {
    place: Place,
    indices: Vec<u32>,
    /// Whether the first index steps over elements.
    hop: bool,
    /// What the pointer has been through, for the notes.
    path: String,
}

impl Writer<'_> {
    /// A place as wanted, inside one that is in scope.
    pub fn find(&mut self, picks: &mut Picks, want: &Want) -> Option<Place> {
        let fits: Vec<usize> = (0..self.body.scope.len()).filter(|i| self.fits(&self.body.scope[*i], want)).collect();
        if fits.is_empty() {
            return None;
        }
        // Few pointers, used often, are what translations are shared between; those at the end are new.
        let index = match picks.below(3) {
            0 => fits[0],
            1 => fits[fits.len() - 1 - picks.below(fits.len().min(3))],
            _ => picks.of(&fits),
        };
        let place = self.body.scope[index].clone();
        self.inside(picks, place, want)
    }

    /// A place as wanted, inside another.
    pub fn inside(&mut self, picks: &mut Picks, place: Place, want: &Want) -> Option<Place> {
        let path = format!("%{}", place.id);
        self.descend(picks, Open { place, indices: Vec::new(), hop: false, path }, want)
    }

    pub fn fits(&self, place: &Place, want: &Want) -> bool {
        (place.read || !want.read)
            && (place.write || !want.write)
            && (place.loose || !want.loose)
            && self.reaches(&place.ty, want)
    }

    /// Whether a chain can lead from a type to what is wanted.
    fn reaches(&self, ty: &Type, want: &Want) -> bool {
        self.ends(ty, want)
            || match ty {
                Type::Vector(scalar, _) => {
                    self.recipe.vectors != Vectors::Whole && self.ends(&Type::Scalar(*scalar), want)
                }
                Type::Matrix { scalar, rows, .. } => !want.loose && self.reaches(&Type::Vector(*scalar, *rows), want),
                Type::Array { element, .. } => self.reaches(element, want),
                Type::Struct(index) => (0..self.recipe.types.0[*index].members.len())
                    .any(|member| self.member_reaches(*index, member, want)),
                _ => false,
            }
    }

    fn member_reaches(&self, index: usize, member: usize, want: &Want) -> bool {
        let member = &self.recipe.types.0[index].members[member];
        let forbidden = match member.promise {
            Promise::NonWritable => want.write,
            Promise::NonReadable => want.read,
            _ => false,
        };
        !forbidden && self.reaches(&member.ty, want)
    }

    /// Whether a chain can end here.
    fn ends(&self, ty: &Type, want: &Want) -> bool {
        (want.such)(self, ty)
            && !(want.write && self.recipe.types.promises(ty, Promise::NonWritable))
            && !(want.read && self.recipe.types.promises(ty, Promise::NonReadable))
            && !(want.loose && self.recipe.types.bare_matrix(ty))
    }

    fn descend(&mut self, picks: &mut Picks, mut open: Open, want: &Want) -> Option<Place> {
        loop {
            let ty = open.place.ty.clone();
            let deeper = !matches!(ty, Type::Scalar(_) | Type::Pointer(_)) && self.deeper(&ty, want);
            if self.ends(&ty, want) && (!deeper || picks.percent(30)) {
                break;
            }
            if !deeper {
                return None;
            }
            self.link(picks, &mut open, want);
            if !open.indices.is_empty() && picks.percent(25) {
                self.flush(picks, &mut open);
                self.saw("chain.chained");
            }
        }
        self.flush(picks, &mut open);
        self.note(format!("  at {} = %{}: {:?}, align {}", open.path, open.place.id, open.place.ty, open.place.align));
        Some(open.place)
    }

    fn deeper(&self, ty: &Type, want: &Want) -> bool {
        match ty {
            Type::Vector(scalar, _) => self.recipe.vectors != Vectors::Whole && self.ends(&Type::Scalar(*scalar), want),
            Type::Matrix { scalar, rows, .. } => !want.loose && self.reaches(&Type::Vector(*scalar, *rows), want),
            Type::Array { element, .. } => self.reaches(element, want),
            Type::Struct(index) => {
                (0..self.recipe.types.0[*index].members.len()).any(|member| self.member_reaches(*index, member, want))
            }
            _ => false,
        }
    }

    /// Goes one level down.
    fn link(&mut self, picks: &mut Picks, open: &mut Open, want: &Want) {
        match open.place.ty.clone() {
            Type::Struct(index) => {
                let members = self.recipe.types.0[index].members.len();
                let fit: Vec<usize> = (0..members).filter(|member| self.member_reaches(index, *member, want)).collect();
                let number = picks.of(&fit);
                let member = self.recipe.types.0[index].members[number].clone();
                // A struct's index is a 32-bit constant of either sign.
                let scalar = picks.of(&[Scalar::U32, Scalar::I32]);
                let id = self.constant(scalar, number as u64);
                open.path += &format!(".{number}");
                open.indices.push(id);
                open.place.read &= member.promise != Promise::NonReadable;
                open.place.write &= member.promise != Promise::NonWritable;
                open.place.align = open.place.align.min(low_bit(member.offset));
                open.place.element = None;
                open.place.ty = member.ty;
                open.place.stride = None;
            }
            Type::Array { element, length, stride, kind } => {
                if kind == Length::Runtime {
                    self.saw("chain.runtime array");
                }
                self.index(picks, open, length, stride, *element.clone());
                let bare = self.recipe.types.bare_matrix(&element);
                if !bare && picks.percent(20) {
                    open.place.stride = Some(stride);
                    self.flush(picks, open);
                    self.hop(picks, open);
                }
            }
            Type::Matrix { scalar, columns, rows, stride, row_major } => {
                let step = if row_major { scalar.bytes() } else { stride };
                self.saw(if row_major { "chain.row-major column" } else { "chain.column" });
                self.index(picks, open, columns, step, Type::Vector(scalar, rows));
                open.place.element = None;
                if row_major {
                    // From here on the components do not lie one beside the other.
                    open.place.loose = false;
                }
            }
            Type::Vector(scalar, components) => {
                // The components of a row-major matrix's column lie at a stride that keeps the scalar's alignment.
                self.index(picks, open, components, scalar.bytes(), Type::Scalar(scalar));
                open.place.element = None;
                self.saw("chain.component");
            }
            Type::Scalar(_) | Type::Pointer(_) => unreachable!("nothing lies deeper"),
        }
        open.place.loose = !self.recipe.types.bare_matrix(&open.place.ty) && open.place.loose
            || matches!(open.place.ty, Type::Scalar(_));
    }

    /// Pushes an index into something with so many elements.
    fn index(&mut self, picks: &mut Picks, open: &mut Open, length: u32, stride: u32, element: Type) {
        let (index, known) = if picks.percent(55) {
            (self.dynamic(picks, length), None)
        } else {
            let number = picks.below(length as usize) as u32;
            (self.u32(number), Some(number))
        };
        let operand = match known {
            Some(number) => self.constant_index(picks, number.into()),
            None => self.index_as(picks, index),
        };
        open.path += &known.map_or("[?]".to_string(), |number| format!("[{number}]"));
        open.indices.push(operand);
        let bits = known.map_or(stride, |number| number * stride);
        open.place.align = open.place.align.min(low_bit(bits));
        open.place.element = Some(Element { index, length, stride });
        open.place.ty = element;
        open.place.stride = None;
    }

    /// Writes what has been collected.
    fn flush(&mut self, picks: &mut Picks, open: &mut Open) {
        if open.indices.is_empty() {
            return;
        }
        let ty = self.pointer_to(&open.place.ty, open.place.stride);
        let mut operands = vec![open.place.id];
        operands.append(&mut open.indices);
        let op = if open.hop { Op::PtrAccessChain } else { picks.of(&[Op::AccessChain, Op::InBoundsAccessChain]) };
        open.hop = false;
        open.place.id = self.op(op, ty, &operands);
        self.saw(match op {
            Op::AccessChain => "chain.OpAccessChain",
            Op::InBoundsAccessChain => "chain.OpInBoundsAccessChain",
            _ => "chain.OpPtrAccessChain",
        });
    }

    /// From an element, whose pointer type has the stride, to another one or the same.
    fn hop(&mut self, picks: &mut Picks, open: &mut Open) {
        let element = open.place.element.clone().expect("an element");
        open.place.id = self.with_stride(&open.place, element.stride);
        let to = self.dynamic(picks, element.length);
        let word = self.scalar(Scalar::U32);
        let distance = self.op(Op::ISub, word, &[to, element.index]);
        let operand = self.signed_index(picks, distance);
        open.indices.push(operand);
        open.hop = true;
        open.path += "+hop";
        open.place.stride = picks.of(&[None, Some(element.stride)]);
        // Elements differ by whole strides: the row's first may be less aligned than this one was known to be.
        open.place.align = open.place.align.min(low_bit(element.stride));
        open.place.element = Some(Element { index: to, ..element });
    }

    /// A place as wanted, from another element of the row in which one stands.
    pub fn beside(&mut self, picks: &mut Picks, place: Place, want: &Want) -> Option<Place> {
        let path = format!("%{}", place.id);
        let mut open = Open { place, indices: Vec::new(), hop: false, path };
        self.hop(picks, &mut open);
        self.descend(picks, open, want)
    }

    /// The place's pointer with a type that has this stride.
    pub fn with_stride(&mut self, place: &Place, stride: u32) -> u32 {
        if place.stride == Some(stride) {
            return place.id;
        }
        let ty = self.pointer_to(&place.ty, Some(stride));
        self.op(Op::Bitcast, ty, &[place.id])
    }
}
