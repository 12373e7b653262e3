#version 460
// Adds one to the words at some distances, in words, from a slice's start: slices of more than 4 GiB too.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut x; uint64_t first; uint64_t step; } args;
void main() {
    uint64_t word = args.first + args.step * gl_GlobalInvocationID.x;
    InOut(uint64_t(args.x) + 4 * word).at[0] += 1;
}
