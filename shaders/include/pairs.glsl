// A hash table of pairs of key and value: open addressing, the next slot after a slot that another key has. Key 0 marks a
// free slot. Keys are never taken out.
//
// Needs `table` (Pair_in or Pair_inout) and `slots` (how many it has, a power of two) from the kernel's arguments.
#ifndef PAIRS_GLSL
#define PAIRS_GLSL

const uint FREE = 0u;

// The finalizer of MurmurHash3 (Austin Appleby, in the public domain): every bit of the key moves every bit of the hash.
uint hash_key(uint key) {
    key ^= key >> 16;
    key *= 0x85ebca6bu;
    key ^= key >> 13;
    key *= 0xc2b2ae35u;
    return key ^ (key >> 16);
}

// The slot where the search for a key begins; inside the table for any number of slots but none.
uint first_slot(uint key) {
    return hash_key(key) & (slots - 1u);
}

uint next_slot(uint slot) {
    return (slot + 1u) & (slots - 1u);
}
#endif
