//! The memory operands of an access.

use super::{Place, Writer};
use crate::lowering::generated::picks::Picks;
use rspirv::spirv::{Capability, MemoryAccess, Scope};

/// What an access does through the pointer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Read,
    Write,
}

impl Writer<'_> {
    /// Operands that are true for the place.
    pub fn operands(&mut self, picks: &mut Picks, place: &Place, does: Does) -> Vec<u32> {
        self.operands_of(picks, place, does, false)
    }

    /// Likewise, for one side of a copy whose other side may be `private` to the invocation.
    pub fn operands_of(&mut self, picks: &mut Picks, place: &Place, does: Does, private: bool) -> Vec<u32> {
        let smallest = self.recipe.types.align(&place.ty);
        debug_assert!(place.align >= smallest, "{place:?}");
        let choices: Vec<u32> =
            (0..12).map(|bit| 1 << bit).filter(|align| (smallest..=place.align).contains(align)).collect();
        let align = picks.of(&choices);
        if align < place.align {
            self.saw("operand.less than aligned");
        }
        if align > smallest {
            self.saw("operand.more than the scalar's alignment");
        }
        let mut mask = MemoryAccess::ALIGNED;
        let mut after = vec![align];
        if picks.percent(8) {
            mask |= MemoryAccess::VOLATILE;
            self.saw("operand.Volatile");
        }
        if picks.percent(8) {
            mask |= MemoryAccess::NONTEMPORAL;
            self.saw("operand.Nontemporal");
        }
        if self.recipe.vulkan_memory_model && !private && picks.percent(40) {
            mask |= MemoryAccess::NON_PRIVATE_POINTER;
            self.saw("operand.NonPrivatePointer");
            if self.recipe.fences && picks.percent(70) {
                let scope = self.some_scope(picks);
                after.push(scope);
                if does == Does::Write {
                    mask |= MemoryAccess::MAKE_POINTER_AVAILABLE;
                    self.saw("operand.MakePointerAvailable");
                } else {
                    mask |= MemoryAccess::MAKE_POINTER_VISIBLE;
                    self.saw("operand.MakePointerVisible");
                }
            }
        }
        let mut operands = vec![mask.bits()];
        operands.extend(after);
        operands
    }

    /// A scope for memory.
    pub fn some_scope(&mut self, picks: &mut Picks) -> u32 {
        let scopes = match self.recipe.vulkan_memory_model {
            true => [Scope::Device, Scope::Workgroup, Scope::QueueFamily],
            false => [Scope::Device, Scope::Workgroup, Scope::Device],
        };
        let scope = picks.of(&scopes);
        if scope == Scope::Device && self.recipe.vulkan_memory_model {
            self.sections.need(Capability::VulkanMemoryModelDeviceScope);
        }
        self.u32(scope as u32)
    }
}
