// Follows random bits as pointers: each hop reads null pointers from the null page, and from there on null stays null.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node { Node next; uint64_t value; };

void main() {
    if (me() >= args.n) return;
    // Random words, the highest bit set: no address of the heap.
    Node node = Node(input_at(0, 16 * me()));
    node = Node(uint64_t(node.next) | 0x8000000000000000ul);
    uint64_t sum = 0;
    for (uint k = 0; k < 20; k++) {
        sum |= node.value;
        node = node.next;
    }
    judge(sum == 0 && uint64_t(node) == 0);
}
