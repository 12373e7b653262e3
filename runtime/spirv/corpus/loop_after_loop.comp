// Loops that start where others were left, with addresses that the first one found, changed or never touched.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; uint rest[10]; };

void main() {
    if (me() >= args.n) return;
    Words to = Words(own(0));
    Node node = Node(args.root.p[16] + 64 * (hash(me()) & 1023));
    Words fixed_words = Words(input_at(1, 4 * (hash(me()) & 0x1fff)));
    uint at = 0;
    for (uint outer = 0; outer < 4; outer++) {
        Node found = node;
        uint steps = 0;
        while (true) {
            Node candidate = found.other;
            steps++;
            if ((candidate.value & 3) == 0 || steps == 5) {
                found = candidate;
                break;
            }
            found = candidate.next;
            if ((found.value & 7) == 5) continue;
            to.v[40] = found.index;
        }
        // `found` is of the loop before, `node` of the loop around.
        uint sum = steps;
        for (uint k = 0; k < 10; k++) {
            if ((found.rest[k] & 1) != 0) continue;
            sum = sum * 31 + found.rest[k] + node.rest[9 - k] + fixed_words.v[k + steps];
            if ((sum & 15) == 15) break;
        }
        do {
            sum += found.value;
            found = found.next;
        } while ((found.value & 3) != 0 && ++steps < 12);
        to.v[at++] = sum + found.index;
        to.v[at++] = node.value;
        if ((sum & 3) == 3) node = node.next;
    }
    to.v[at] = node.index;
}
