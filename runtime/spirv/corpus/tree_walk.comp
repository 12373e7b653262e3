// Walks a binary tree that it built in its own memory, with null children: a loop whose pointer comes from a choice.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node { Node child[2]; uint key; uint depth; };

const uint64_t NONE = 0ul;

void main() {
    if (me() >= args.n) return;
    uint64_t base = own(2);
    for (uint k = 0; k < 10; k++) {
        Node fresh = Node(base + 24 * k);
        fresh.child[0] = Node(NONE);
        fresh.child[1] = Node(NONE);
        fresh.key = hash(me() * 16 + k);
        uint depth = 0;
        Node at = Node(base);
        while (k > 0) {
            uint side = fresh.key > at.key ? 1 : 0;
            depth++;
            if (uint64_t(at.child[side]) == NONE) {
                at.child[side] = fresh;
                break;
            }
            at = at.child[side];
        }
        fresh.depth = depth;
    }
}
