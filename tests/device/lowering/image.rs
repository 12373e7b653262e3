//! The corpus' common image: one root struct, input and output regions, nodes, counters.

use super::case::{GRANULE, HEAP};

/// Pointers in the root struct.
const ROOTS: usize = 64;
/// Bytes in an input or output region.
const REGION: usize = 64 << 10;
/// Regions of each kind.
const REGIONS: usize = 8;
/// Nodes, and the bytes of one.
const NODES: usize = 1024;
const NODE: usize = 64;
/// Bytes of counters.
const COUNTERS: usize = 4 << 10;

/// Invocations that a module works with, and its workgroups of 64.
pub const INVOCATIONS: u32 = 256;
pub const GROUPS: [u32; 3] = [INVOCATIONS / 64, 1, 1];

/// The image of a seed.
pub fn image(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut places = vec![];
    let mut at = ROOTS * 8;
    let lengths = std::iter::repeat_n(REGION, 2 * REGIONS).chain([NODES * NODE, COUNTERS]);
    for (index, len) in lengths.enumerate() {
        // Never at the start of a page, however small. Pages have at least 256 bytes.
        at = at.next_multiple_of(256) + 16 * random.usize(1..16) + if index % 2 == 1 && len == REGION { 4 } else { 0 };
        places.push(at);
        at += len;
    }
    let mut image = vec![0; at.next_multiple_of(GRANULE)];
    // To the end, so that the last page is used, however small; places stay as odd as they are.
    let slack = (image.len() - at) & !255;
    places.iter_mut().for_each(|place| *place += slack);
    random.fill(&mut image);

    image[..ROOTS * 8].fill(0);
    for (root, place) in image.chunks_mut(8).zip(&places) {
        root.copy_from_slice(&(HEAP + *place as u64).to_le_bytes());
    }
    for place in &places[REGIONS / 2..REGIONS] {
        for float in image[*place..][..REGION].chunks_mut(4) {
            float.copy_from_slice(&(random.i32(-512..512) as f32).to_le_bytes());
        }
    }
    let nodes = places[2 * REGIONS];
    for node in image[nodes..][..NODES * NODE].chunks_mut(NODE) {
        for pointer in node[..16].chunks_mut(8) {
            let to = HEAP + (nodes + NODE * random.usize(..NODES)) as u64;
            pointer.copy_from_slice(&to.to_le_bytes());
        }
    }
    image[places[2 * REGIONS + 1]..][..COUNTERS].fill(0);
    image
}

/// Where the memory is that a pointer of the root struct points to, in bytes from the heap's start.
pub fn root(image: &[u8], index: usize) -> usize {
    let pointer = u64::from_le_bytes(image[8 * index..][..8].try_into().expect("eight bytes"));
    (pointer - HEAP) as usize
}

/// The push constants: the root struct's address, the invocations, the seed.
pub fn arguments(seed: u64) -> Vec<u8> {
    [&HEAP.to_le_bytes()[..], &INVOCATIONS.to_le_bytes(), &(seed as u32).to_le_bytes()].concat()
}
