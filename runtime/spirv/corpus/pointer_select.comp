// OpSelect between pointers, and between structs' pointers: the choice is made on unified addresses.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };

void main() {
    if (me() >= args.n) return;
    Node node = Node(args.root.p[16] + 64 * me());
    Words from = (hash(me()) & 4) != 0 ? Words(input_at(1, 0)) : Words(input_at(2, 0));
    Words to = (me() & 1) != 0 ? Words(own(1)) : Words(own(2));
    for (uint k = 0; k < 8; k++) {
        Node next = (node.value & (1u << k)) != 0 ? node.next : node.other;
        to.v[k] = next.value + from.v[(me() * 8 + k) & 0x3fff];
        node = next;
    }
}
