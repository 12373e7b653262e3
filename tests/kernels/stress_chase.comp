#version 460
// Each invocation follows a list of its own, of at most `most` nodes: mixes each value into what it has, and leaves that there.
#extension GL_GOOGLE_include_directive : require
#include "stress.glsl"
layout(local_size_x = 64) in;
layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node { Node next; uint value; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Heads { Node at[]; };
layout(push_constant, scalar) uniform Args { Heads heads; Out to; uint n; uint most; uint seed; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    uint x = args.seed;
    Node node = args.heads.at[i];
    for (uint step = 0; step < args.most && uint64_t(node) != 0; step++) {
        x = mixed(x, node.value, step);
        node.value = x;
        node = node.next;
    }
    args.to.at[i] = x;
}
