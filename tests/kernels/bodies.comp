#version 460
// Moves bodies.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
struct Body { vec3 position; uint id; uint64_t tag; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Bodies { Body at[]; };
layout(push_constant, scalar) uniform Args { Bodies bodies; uint n; float by; } args;
void main() {
    for (uint i = 0; i < args.n; i++) args.bodies.at[i].position += args.by;
}
