#version 460
// Wants a descriptor, which launches do not bind.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(set = 2, binding = 7, std430) buffer Bound { uint bound[]; };
layout(push_constant, scalar) uniform Args { InOut to; uint n; } args;
void main() {
    args.to.at[0] = bound[args.n];
}
