#version 460
// Runs until the program opens the gate, at most for so many looks at it; then counts.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut gate; InOut count; uint looks; } args;
void main() {
    // An atomic, so that no compiler moves the look out of the loop.
    for (uint i = 0; i < args.looks; i++) {
        if (atomicOr(args.gate.at[0], 0u) != 0u) break;
    }
    args.count.at[0] += 1;
}
