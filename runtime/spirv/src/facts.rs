//! What lowering found and did.

use rspirv::spirv::Capability;
use std::collections::BTreeMap;

/// A lowered module.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The module, in the host's byte order. Deterministic: the same input gives the same words.
    pub words: Vec<u32>,
    /// What it is now.
    pub facts: Facts,
}

/// What a module does through pointers, and what was done to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Dereferences that the module had, of all functions, each counted once wherever it is executed.
    pub dereferences: Dereferences,
    /// Lookups of pages emitted in their stead: fewer where accesses share one, more where one was split. Zero where
    /// there are no pages.
    pub lookups: usize,
    /// What is done to the members of each struct that pointers point to, by the struct's type id.
    pub blocks: BTreeMap<u32, Block>,
    /// Capabilities that the module did not declare and now does. The device must have them.
    pub capabilities_added: Vec<Capability>,
}

/// Instructions that access memory through pointers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dereferences {
    /// `OpLoad`.
    pub loads: usize,
    /// `OpStore`.
    pub stores: usize,
    /// All atomics.
    pub atomics: usize,
    /// `OpCopyMemory`, each side that is such a pointer counted.
    pub copies: usize,
}

/// A struct that pointers point to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Its name, if the module has names.
    pub name: Option<String>,
    /// By the member's index; members that are never accessed are missing.
    pub members: BTreeMap<u32, Access>,
}

/// How something is accessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// By a load, a copy from it, or an atomic.
    pub read: bool,
    /// By a store, a copy to it, or an atomic that writes.
    pub written: bool,
    /// By an atomic.
    pub atomic: bool,
}
