// Builds a list in memory and walks it: pointers that the shader stores must be the unified ones, for the host's eyes.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node { Node next; uint value; uint pad; };

void main() {
    if (me() >= args.n) return;
    Node head = Node(own(0));
    Node at = head;
    for (uint k = 1; k < 16; k++) {
        Node fresh = Node(own(0) + 16 * ((k * 7) & 15));
        at.value = k + me();
        at.next = fresh;
        at = fresh;
    }
    at.value = 99;
    at.next = head;
    uint sum = 0;
    Node walk = head;
    for (uint k = 0; k < 40; k++) {
        sum = sum * 3 + walk.value;
        walk = walk.next;
    }
    Words(own(2)).v[0] = sum;
}
