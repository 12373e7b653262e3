#version 460
// Accesses of 16 bytes.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Quads { uvec4 at[]; };
layout(push_constant, scalar) uniform Args { Quads to; uint n; } args;
void main() {
    for (uint i = 0; i < args.n; i++) args.to.at[i] += uvec4(1, 2, 3, 4);
}
