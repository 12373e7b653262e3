#version 460
// Moves 64 KiB in one load and one store, which is more than lowering takes apart.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
struct Whole { uint at[16384]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer From { Whole whole; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer To { Whole whole; };
layout(push_constant, scalar) uniform Args { From from; To to; } args;
void main() {
    args.to.whole = args.from.whole;
}
