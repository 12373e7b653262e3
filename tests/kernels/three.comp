#version 460
// to[i] += a[i] * b[i].
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer In { uint at[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { In a; In b; InOut to; uint n; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < args.n) args.to.at[i] += args.a.at[i] * args.b.at[i];
}
