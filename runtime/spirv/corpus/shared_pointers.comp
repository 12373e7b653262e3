// Pointers in shared memory, exchanged between invocations, beside shared data and barriers.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };
shared Node nodes[64];
shared uint values[64];

void main() {
    bool inside = me() < args.n;
    uint l = gl_LocalInvocationID.x;
    if (inside) nodes[l] = Node(args.root.p[16] + 64 * (hash(me()) & 1023)).next;
    barrier();
    if (inside) values[l] = nodes[63 - l].value;
    barrier();
    if (!inside) return;
    Words to = Words(own(0));
    to.v[0] = values[(l * 7) & 63];
    to.v[1] = nodes[(l + 1) & 63].other.value;
    to.v[2] = values[l];
}
