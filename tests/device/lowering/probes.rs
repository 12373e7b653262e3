//! The harness's own cases: the list walk of the device tests, and ways to make it go wrong.

use super::case::{Case, GRANULE, HEAP};
use serde::{Deserialize, Serialize};

/// A case of this harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Probe {
    /// Follows a list of 300 nodes, doubles their values and writes the sum.
    Walk,
    /// Follows a list that is a circle, for longer than anyone waits: lavapipe ends a loop after 65,535 rounds, but not a dispatch.
    Circle,
    /// Follows a list that leads to where nothing is mapped.
    Wild,
    /// Starts at this address, outside the heap, where lowering puts a page of zeros.
    Outside(u64),
    /// Starts ten bytes before a page's end, at a node of zeros that lowering rounds down to inside the page.
    Misaligned,
    /// Needs a capability that no compute device has.
    Incapable,
    /// Changes nothing.
    Idle,
}

/// Nodes of the list.
const NODES: usize = 300;
/// Bytes of a node: a pointer, a number, and room.
const NODE: usize = 16;
/// Where nothing is mapped, nor can be in a process.
const NOWHERE: u64 = 0x6000_0000_0000_0000;
/// `OpCapability` of a capability for OpenCL.
const OP_CAPABILITY_KERNEL: [u32; 2] = [2 << 16 | 17, 6];

impl Probe {
    pub fn case(self) -> Case {
        let mut random = fastrand::Rng::with_seed(7);
        let mut words: Vec<u32> = include_bytes!("../../kernels/walk.spv")
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
            .collect();
        let mut image = vec![0; 2 * GRANULE];
        random.fill(&mut image);
        let mut places: Vec<_> = (1..image.len() / NODE - 1).map(|slot| slot * NODE).collect();
        random.shuffle(&mut places);
        // The heap's last bytes are part of it.
        places.insert(1, image.len() - NODE);
        places.truncate(NODES);
        let nexts = places[1..].iter().map(|place| HEAP + *place as u64).chain([match self {
            Probe::Circle => HEAP + places[0] as u64,
            Probe::Wild => NOWHERE,
            _ => 0,
        }]);
        for (place, next) in places.iter().zip(nexts) {
            image[*place..][..8].copy_from_slice(&next.to_le_bytes());
        }
        let most = match self {
            Probe::Circle => u32::MAX,
            _ => 1000,
        };
        let (mut head, mut total) = (HEAP + places[0] as u64, HEAP);
        match self {
            Probe::Incapable => words.splice(5..5, OP_CAPABILITY_KERNEL).for_each(drop),
            Probe::Idle => {
                image[..8].fill(0);
                (head, total) = (0, HEAP);
            }
            Probe::Misaligned => {
                image[GRANULE - 16..GRANULE].fill(0);
                (head, total) = (HEAP + GRANULE as u64 - 10, HEAP + 4);
            }
            Probe::Outside(address) => (head, total) = (address, HEAP + 4),
            _ => total = HEAP + 4,
        }
        let arguments = [&head.to_le_bytes()[..], &total.to_le_bytes(), &most.to_le_bytes()].concat();
        let groups = if self == Probe::Circle { [65_535, 65_535, 1] } else { [1, 1, 1] };
        Case { name: format!("{self:?}"), words, image, arguments, groups }
    }
    /// What it leaves, if it cannot run as it is.
    pub fn expected(self, case: &Case) -> Option<Vec<u8>> {
        let (Probe::Outside(_) | Probe::Misaligned) = self else { return None };
        // The list's only node is zero: no next one, and a sum of zero.
        let mut image = case.image.clone();
        image[4..8].fill(0);
        Some(image)
    }
}
