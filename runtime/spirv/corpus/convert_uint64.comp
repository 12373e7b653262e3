// Pointers from and to uint64, with arithmetic on the integers between: the integers are unified addresses.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Addresses { uint64_t v[]; };

void main() {
    if (me() >= args.n) return;
    Node node = Node(args.root.p[16] + 64 * me());
    uint64_t address = uint64_t(node.next);
    uint distance = uint(address - args.root.p[16]);
    Words from = Words(args.root.p[1] + (distance & 0xfffcu));
    Addresses to = Addresses(own(0));
    to.v[0] = address;
    to.v[1] = uint64_t(from) + 4;
    Words(own(1)).v[0] = from.v[0] + distance;
    Words(own(1)).v[1] = Words(to.v[1]).v[0];
    Words(own(1)).v[2] = Node(to.v[0]).value;
}
