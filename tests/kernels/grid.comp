#version 460
// Each invocation leaves its place in the grid.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 4, local_size_y = 2, local_size_z = 2) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut to; uint width; uint height; uint depth; } args;
void main() {
    uvec3 at = gl_GlobalInvocationID;
    if (at.x >= args.width || at.y >= args.height || at.z >= args.depth) return;
    args.to.at[(at.z * args.height + at.y) * args.width + at.x] += 1 + (at.x | at.y << 10 | at.z << 20);
}
