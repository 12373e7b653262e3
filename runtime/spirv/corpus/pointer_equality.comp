// Pointers compared, as integers: equal only if unified addresses are compared, not translated ones of different accesses.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference_uvec2 : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };

void main() {
    if (me() >= args.n) return;
    Node start = Node(args.root.p[16] + 64 * me());
    Node node = start;
    uint steps = 0;
    // A node's successors form a chain that runs into a circle: Brent's search for its length, by comparison only.
    Node hare = start.next;
    uint power = 1, length = 1;
    while (uint64_t(node) != uint64_t(hare) && steps < 200) {
        if (power == length) {
            node = hare;
            power *= 2;
            length = 0;
        }
        hare = hare.next;
        length++;
        steps++;
    }
    Words to = Words(own(1));
    to.v[0] = length;
    to.v[1] = steps;
    to.v[2] = uvec2(hare) == uvec2(start) ? 1 : 0;
    to.v[3] = hare.index;
}
