// Stores to wild addresses: they end in the null page, and the heap stays as it is.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#include "wild.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Bytes { uint8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Longs { uint64_t v[]; };

void main() {
    if (me() >= args.n) return;
    for (uint k = 0; k < WILD; k++) {
        uint64_t address = wild(k);
        Words(address).v[0] = me();
        Bytes(address + 3).v[0] = uint8_t(k);
        Longs(address & ~7ul).v[0] = 0xffffffffffffffffUL;
    }
    judge(true);
}
