// Walks linked lists: each next pointer is loaded from memory, translated, and stays a unified address.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };

void main() {
    if (me() >= args.n) return;
    Node first = Node(args.root.p[16]);
    Node node = Node(args.root.p[16] + 64 * (hash(me()) & 1023));
    Words to = Words(own(0));
    for (uint k = 0; k < 32; k++) {
        to.v[k] = node.value;
        node = (node.value & 1) == 0 ? node.next : node.other;
    }
    to.v[32] = first.next.other.next.value;
    to.v[33] = node.index;
}
