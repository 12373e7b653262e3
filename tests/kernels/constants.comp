#version 460
// to[i] += scale * i + (negative ? -1 : 0), with a workgroup whose size is a constant, too.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint scale = 10;
layout(constant_id = 2) const bool negative = false;
layout(constant_id = 3) const float factor = 1.0;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut to; uint n; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < args.n) args.to.at[i] += uint(factor * float(scale * i)) - (negative ? 1 : 0);
}
