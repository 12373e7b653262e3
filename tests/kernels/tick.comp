#version 460
// Counts its launches in one word and leaves a mark in another.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Out { uint at[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut count; Out mark; uint value; } args;
void main() {
    args.count.at[0] += 1;
    args.mark.at[0] = args.value;
}
