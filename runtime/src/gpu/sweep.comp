#version 460
// Start-up measurement: reads, or reads and writes, every word of a span of whole pages once. Invocations that follow each other take
// words that follow each other, 16 bytes at a time, so that accesses merge as those of a well-written kernel do.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Quads { uvec4 v[]; };
layout(push_constant, scalar) uniform Args { Quads quads; uint count; uint change; } args;
void main() {
    uint step = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    uvec4 sum = uvec4(0);
    for (uint i = gl_GlobalInvocationID.x; i < args.count; i += step) {
        uvec4 quad = args.quads.v[i];
        sum += quad;
        if (args.change != 0) {
            args.quads.v[i] = quad + args.change;
        }
    }
    // Never so: what is read must have a use, or the compiler leaves it out.
    if (args.change == 0 && sum == uvec4(0xfeedu, 0xbeefu, 0xcafeu, 0xf00du)) {
        args.quads.v[gl_GlobalInvocationID.x] = sum;
    }
}
