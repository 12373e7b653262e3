// Pointers from and to uvec2 (OpBitcast), in a module without 64-bit integers: lowering must add them, and keep the value.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require

layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Root { uvec2 p[64]; };
layout(push_constant, scalar) uniform Args { Root root; uint n; uint seed; } args;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Words { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Link { Words words; uvec2 bits; };

uvec2 advanced(uvec2 address, uint bytes) {
    uint carry;
    uint low = uaddCarry(address.x, bytes, carry);
    return uvec2(low, address.y + carry);
}

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    Words from = Words(advanced(args.root.p[1], i * 64));
    Words to = Words(advanced(args.root.p[9], i * 256));
    for (uint k = 0; k < 12; k++) to.v[k] = from.v[k] + 1;
    Link link = Link(advanced(args.root.p[8], i * 256));
    link.words = to;
    link.bits = uvec2(from);
    to.v[12] = Words(link.bits).v[3];
    to.v[13] = uvec2(link.words) == uvec2(to) ? 7 : 8;
}
