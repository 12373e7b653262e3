// Counts the words of a text in a hash table.
//
// Each invocation looks at one byte; where a word begins it finds the word's slot by open addressing and counts. A slot
// names its word by where it was first claimed, so slots have a fixed size and words any length. What finds no slot
// within PROBES steps is counted in dropped[0]: the caller tries again with a larger table.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#define VKSVM_INT8
#include "vksvm.glsl"
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    u8_in text;
    Word_inout table; // zeroed
    u32_inout dropped;
    uint n;     // bytes of text, below 2^32 - 1
    uint slots; // of the table, a power of two
};

#include "word.glsl"

const uint PROBES = 64u;

// The position after the slot's word's start, zero while the slot is free. A plain load might race with the claim.
uint owner_of(uint slot) {
    return atomicLoad(table.v[slot].first, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsRelaxed);
}

void count_word(uint at) {
    uint slot = hash_word(at);
    for (uint probe = 0u; probe < PROBES; probe++, slot++) {
        slot &= slots - 1u;
        uint owner = owner_of(slot);
        if (owner == 0u) {
            owner = atomicCompSwap(table.v[slot].first, 0u, at + 1u);
        }
        if (owner == 0u || same_word(owner - 1u, at)) {
            atomicAdd(table.v[slot].count, 1u);
            return;
        }
    }
    atomicAdd(dropped.v[0], 1u);
}

void main() {
    if (!grid_takes_part() || slots == 0u) {
        return;
    }
    GRID_STRIDE(at, n) {
        if (begins_word(at)) {
            count_word(at);
        }
    }
}
