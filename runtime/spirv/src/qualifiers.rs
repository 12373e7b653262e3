//! Qualifiers: decorations of members and pointers that say how memory may be accessed.

use rspirv::spirv::Decoration;

/// A set of them. What rebuilds a pointer keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Qualifiers(u8);

impl Qualifiers {
    const ALL: [Decoration; 5] = [
        Decoration::Restrict,
        Decoration::Volatile,
        Decoration::Coherent,
        Decoration::NonWritable,
        Decoration::NonReadable,
    ];

    /// The decoration by itself; none if it is no qualifier.
    pub fn of(decoration: u32) -> Self {
        let known = Self::ALL.iter().position(|d| *d as u32 == decoration);
        Qualifiers(known.map_or(0, |bit| 1 << bit))
    }

    pub fn and(self, other: Self) -> Self {
        Qualifiers(self.0 | other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Decoration> {
        let set = Self::ALL.into_iter().enumerate().filter(move |(bit, _)| self.0 & 1 << bit != 0);
        set.map(|(_, decoration)| decoration)
    }
}
