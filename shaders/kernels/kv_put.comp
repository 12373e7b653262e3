// Stores pairs in a hash table: the value of a key that the table has is replaced, another key takes a free slot. Pairs
// that find no slot, and pairs of key 0, are counted in refused[0]. Of several pairs of one key any may be the one that
// stays.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Args {
    Pair_inout table;
    Pair_in pair;
    u32_inout refused;
    uint slots;
    uint n;
};

#include "pairs.glsl"

bool store(uint key, uint value) {
    uint slot = first_slot(key);
    for (uint probe = 0u; probe < slots; probe++) {
        // Most slots on the way are taken: a look is cheaper than an exchange. Atomic, for others take slots meanwhile.
        uint owner = atomicLoad(table.v[slot].key, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsRelaxed);
        if (owner == FREE) {
            owner = atomicCompSwap(table.v[slot].key, FREE, key);
        }
        if (owner == FREE || owner == key) {
            atomicStore(table.v[slot].value, value, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsRelaxed);
            return true;
        }
        slot = next_slot(slot);
    }
    return false;
}

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        Pair given = pair.v[i];
        if (given.key == FREE || !store(given.key, given.value)) {
            atomicAdd(refused.v[0], 1u);
        }
    }
}
