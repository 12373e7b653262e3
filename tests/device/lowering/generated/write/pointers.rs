//! What is done with pointers besides accessing memory through them.

use super::chain::Want;
use super::{Element, Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::types::{Class, Length, Promise, Scalar, Type, low_bit};
use rspirv::spirv::{Decoration, Op, StorageClass};

impl Writer<'_> {
    /// Loads a pointer, which counts, and keeps it.
    pub fn follow_step(&mut self, picks: &mut Picks) {
        self.note("follow");
        let pointer = |_: &Writer, ty: &Type| matches!(ty, Type::Pointer(_));
        let want = Want { such: &pointer, read: true, write: false, loose: false };
        if let Some(place) = self.find(picks, &want) {
            let id = self.load(picks, &place);
            self.fold(id, &place.ty);
            let Type::Pointer(block) = place.ty else { unreachable!("a pointer was wanted") };
            let place = self.block_place(id, block);
            self.body.scope.push(place);
            self.saw("pointer.followed");
        }
    }

    /// A pointer to some object of the block.
    pub fn block_place(&self, id: u32, block: usize) -> Place {
        Place {
            id,
            ty: Type::Struct(block),
            stride: None,
            align: self.recipe.block_align(block),
            read: true,
            write: self.recipe.types.0[block].class == Class::Own,
            loose: true,
            raw: false,
            element: None,
        }
    }

    /// Stores a pointer.
    pub fn link_step(&mut self, picks: &mut Picks) {
        self.note("link");
        let pointer = |writer: &Writer, ty: &Type| matches!(ty, Type::Pointer(block) if writer.has_pointer(*block));
        let want = Want { such: &pointer, read: false, write: true, loose: false };
        let Some(place) = self.find(picks, &want) else { return };
        let Type::Pointer(block) = place.ty else { unreachable!("a pointer was wanted") };
        if let Some(value) = self.some_pointer(picks, block) {
            self.store(picks, &place, value);
        }
    }

    /// A pointer into the middle.
    pub fn keep_step(&mut self, picks: &mut Picks) {
        self.note("keep");
        let want = Want { such: &|_, ty| !matches!(ty, Type::Pointer(_)), read: false, write: false, loose: false };
        if let Some(place) = self.find(picks, &want) {
            self.saw(if place.loose { "pointer.kept" } else { "pointer.kept with its chain" });
            self.body.scope.push(place);
        }
    }

    /// One of the pointers in scope that may go anywhere.
    fn some_loose(&mut self, picks: &mut Picks) -> Option<Place> {
        let loose: Vec<usize> = (0..self.body.scope.len()).filter(|i| self.body.scope[*i].loose).collect();
        if loose.is_empty() {
            return None;
        }
        let at = loose.len() - 1 - picks.below(loose.len());
        Some(self.body.scope[loose[at]].clone())
    }

    /// The place's pointer with the type without a stride.
    pub fn without_stride(&mut self, place: &Place) -> u32 {
        if place.stride.is_none() {
            return place.id;
        }
        let ty = self.pointer_to(&place.ty, None);
        self.op(Op::Bitcast, ty, &[place.id])
    }

    pub fn cast_step(&mut self, picks: &mut Picks) {
        let Some(place) = self.some_loose(picks) else { return };
        let ty = self.pointer_to(&place.ty, place.stride);
        let long = self.scalar(Scalar::U64);
        let way = picks.below(8);
        self.note(format!("cast {way} of %{}", place.id));
        let id = match way {
            0 => {
                self.saw("cast.OpCopyObject");
                self.op(Op::CopyObject, ty, &[place.id])
            }
            1 => {
                self.saw("cast.integer and back");
                let address = self.address(place.id);
                let zero = self.op(Op::UConvert, long, &[self.body.zero]);
                let address = self.op(Op::IAdd, long, &[address, zero]);
                self.op(Op::ConvertUToPtr, ty, &[address])
            }
            2 => {
                self.saw("cast.two words and back");
                let (pair, word) = (self.vector(Scalar::U32, 2), self.scalar(Scalar::U32));
                let halves = self.op(Op::Bitcast, pair, &[place.id]);
                let low = self.op(Op::CompositeExtract, word, &[halves, 0]);
                let high = self.op(Op::CompositeExtract, word, &[halves, 1]);
                let low = self.op(Op::IAdd, word, &[low, self.body.zero]);
                let halves = self.op(Op::CompositeConstruct, pair, &[low, high]);
                self.op(Op::Bitcast, ty, &[halves])
            }
            3 => {
                self.saw("cast.integer variable");
                let variable = self.local_of(long);
                let address = self.address(place.id);
                self.act(Op::Store, &[variable, address]);
                let address = self.op(Op::Load, long, &[variable]);
                self.op(Op::ConvertUToPtr, ty, &[address])
            }
            4 => return self.member_by_arithmetic(picks, &place),
            _ => return self.view(picks, &place),
        };
        self.body.scope.push(Place { id, ..place });
    }

    /// A pointer to a member, made by adding its offset.
    fn member_by_arithmetic(&mut self, picks: &mut Picks, place: &Place) {
        let Type::Struct(index) = place.ty else { return };
        let members = self.recipe.types.0[index].members.clone();
        let fit: Vec<_> = members
            .iter()
            .filter(|member| member.promise == Promise::None && !self.recipe.types.bare_matrix(&member.ty))
            .collect();
        if fit.is_empty() {
            return;
        }
        let member = picks.of(&fit);
        let ty = self.pointer_to(&member.ty, None);
        let (long, offset) = (self.scalar(Scalar::U64), self.constant(Scalar::U64, member.offset.into()));
        let address = self.address(place.id);
        let address = self.op(Op::IAdd, long, &[address, offset]);
        let id = self.op(Op::ConvertUToPtr, ty, &[address]);
        self.saw("cast.member by arithmetic");
        let align = place.align.min(low_bit(member.offset));
        let ty = member.ty.clone();
        self.body.scope.push(Place { id, ty, stride: None, align, element: None, ..place.clone() });
    }

    /// The memory of an object as an array of something else.
    fn view(&mut self, picks: &mut Picks, place: &Place) {
        let types = &self.recipe.types;
        let size = types.size(&place.ty);
        let mut choices = Vec::new();
        for scalar in Scalar::ALL {
            choices.push(Type::Scalar(scalar));
            choices.extend((2..=4).map(|components| Type::Vector(scalar, components)));
        }
        choices.retain(|ty| types.align(ty) <= place.align && types.size(ty) <= size);
        if choices.is_empty() {
            return;
        }
        let element = picks.of(&choices);
        let stride = types.size(&element) + types.align(&element) * picks.below(3) as u32;
        let length = ((size - types.size(&element)) / stride + 1).min(60);
        let promised = types.promises(&place.ty, Promise::NonWritable);
        let pointers = types.any(&place.ty, &|ty| matches!(ty, Type::Pointer(_)));
        let write = place.write && !promised && !pointers;
        let align = place.align;
        let (ty, stride_of_pointer, row) = if picks.percent(50) {
            self.saw("cast.view as an array");
            (Type::Array { element: Box::new(element), length, stride, kind: Length::Fixed }, None, None)
        } else {
            self.saw("cast.view as elements");
            let index = self.u32(0);
            (element, Some(stride), Some(Element { index, length, stride }))
        };
        let id = self.pointer_to(&ty, stride_of_pointer);
        let id = if picks.percent(60) {
            self.saw("cast.pointer to pointer");
            self.op(Op::Bitcast, id, &[place.id])
        } else {
            let address = self.address(place.id);
            self.op(Op::ConvertUToPtr, id, &[address])
        };
        let view = Place {
            id,
            ty,
            stride: stride_of_pointer,
            align,
            read: place.read,
            write,
            loose: true,
            raw: true,
            element: row,
        };
        self.body.scope.push(view);
    }

    /// Another pointer in scope that has the same type.
    pub fn alike(&self, picks: &mut Picks, place: &Place) -> Option<Place> {
        let scope = &self.body.scope;
        let fits: Vec<&Place> = scope
            .iter()
            .filter(|other| other.id != place.id && other.loose && other.ty == place.ty && other.stride == place.stride)
            .collect();
        if fits.is_empty() { None } else { Some(picks.of(&fits).clone()) }
    }

    /// What is known of a pointer that is one of two.
    pub fn either(id: u32, one: &Place, other: &Place) -> Place {
        Place {
            id,
            align: one.align.min(other.align),
            read: one.read && other.read,
            write: one.write && other.write,
            raw: one.raw || other.raw,
            element: None,
            ..one.clone()
        }
    }

    pub fn select_step(&mut self, picks: &mut Picks) {
        self.note("select");
        let Some((one, other)) = self.pair(picks) else { return };
        let ty = self.pointer_to(&one.ty, one.stride);
        let condition = self.condition(picks);
        let id = self.op(Op::Select, ty, &[condition, one.id, other.id]);
        self.saw("pointer.OpSelect");
        self.body.scope.push(Self::either(id, &one, &other));
    }

    /// Two pointers of one type.
    pub fn pair(&mut self, picks: &mut Picks) -> Option<(Place, Place)> {
        // A few tries: most types have one pointer only.
        (0..6).find_map(|_| {
            let one = self.some_loose(picks)?;
            let other = self.alike(picks, &one)?;
            Some((one, other))
        })
    }

    /// A variable that holds one of two pointers.
    pub fn variable_step(&mut self, picks: &mut Picks) {
        self.note("variable");
        let Some((one, other)) = self.pair(picks) else { return };
        let ty = self.pointer_to(&one.ty, one.stride);
        let variable = if picks.percent(40) {
            const PRIVATE: u32 = StorageClass::Private as u32;
            self.saw("pointer.Private variable");
            let pointer = self.pointer(PRIVATE, ty, None);
            self.global(pointer, PRIVATE, None)
        } else {
            self.saw("pointer.Function variable");
            self.local_of(ty)
        };
        // Restrict would promise that nothing else writes what it points to; of memory that nobody writes that is true.
        let restrict = !one.write && !other.write && picks.percent(50);
        let decoration = if restrict { Decoration::RestrictPointer } else { Decoration::AliasedPointer };
        self.decorate(variable, decoration, &[]);
        self.act(Op::Store, &[variable, one.id]);
        let condition = self.condition(picks);
        let (then, merge) = (self.sections.id(), self.sections.id());
        self.act(Op::SelectionMerge, &[merge, 0]);
        self.act(Op::BranchConditional, &[condition, then, merge]);
        self.label(then);
        self.act(Op::Store, &[variable, other.id]);
        self.act(Op::Branch, &[merge]);
        self.label(merge);
        let id = self.op(Op::Load, ty, &[variable]);
        self.body.scope.push(Self::either(id, &one, &other));
    }

    /// From an element of a row to another.
    pub fn neighbour_step(&mut self, picks: &mut Picks) {
        self.note("neighbour");
        let want = Want { such: &|_, ty| !matches!(ty, Type::Pointer(_)), read: false, write: false, loose: false };
        let scope = &self.body.scope;
        let rows: Vec<usize> = (0..scope.len())
            .filter(|i| scope[*i].loose && scope[*i].element.is_some() && self.fits(&scope[*i], &want))
            .collect();
        if rows.is_empty() {
            return;
        }
        let place = self.body.scope[picks.of(&rows)].clone();
        if let Some(place) = self.beside(picks, place, &want) {
            self.saw("pointer.neighbour");
            self.body.scope.push(place);
        }
    }
}
