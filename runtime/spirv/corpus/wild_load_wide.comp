// Wide, narrow and split loads from wild addresses: each part is checked against the heap by itself.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#include "wild.glsl"

struct Record { vec3 at; uint id; uvec4 tags[2]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Records { Record v; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Fours { uvec4 v; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Tight { uvec4 v; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Longs { u64vec3 v; };
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Bytes { u8vec3 v; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Matrices { layout(row_major) mat3x2 v; };

void main() {
    if (me() >= args.n) return;
    uint64_t address = wild(me());
    bool good = Fours(address & ~0xful).v == uvec4(0) && Tight(address & ~0xful).v == uvec4(0);
    // 72 bytes below: none of these reach into the heap.
    address -= 72;
    if (address - uint64_t(args.root) > 0x100000000ul) {
        Record record = Records(address).v;
        good = good && record.at == vec3(0) && record.id == 0 && record.tags[1] == uvec4(0);
        good = good && Longs(address & ~7ul).v == u64vec3(0) && Bytes(address + 1).v == u8vec3(0);
        good = good && Matrices(address).v == mat3x2(0);
    }
    judge(good);
}
