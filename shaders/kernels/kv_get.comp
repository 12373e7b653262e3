// Looks keys up in a hash table of pairs: wanted[i] gets the value of its key, or 0 where the table does not have it.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Args {
    Pair_in table;
    Pair_inout wanted;
    uint slots;
    uint n;
};

#include "pairs.glsl"

uint look_up(uint key) {
    uint slot = first_slot(key);
    for (uint probe = 0u; probe < slots; probe++) {
        Pair pair = table.v[slot];
        if (pair.key == FREE) {
            return 0u;
        }
        if (pair.key == key) {
            return pair.value;
        }
        slot = next_slot(slot);
    }
    return 0u;
}

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        wanted.v[i].value = look_up(wanted.v[i].key);
    }
}
