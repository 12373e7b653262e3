// Pointers in Function and Private variables, in arrays and structs that are copied whole.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };
struct Frame { Node path[4]; Words to; };

Node remembered;
Frame frames[2];

void descend(uint k) {
    frames[1] = frames[0];
    frames[1].path[k & 3] = remembered.next;
    remembered = frames[1].path[(k + 1) & 3];
    frames[0] = frames[1];
}

void main() {
    if (me() >= args.n) return;
    Frame local;
    Node stack[3];
    for (uint k = 0; k < 4; k++) local.path[k] = Node(args.root.p[16] + 64 * ((me() * 5 + k) & 1023));
    local.to = Words(own(1));
    frames[0] = local;
    remembered = local.path[0];
    stack[0] = local.path[1];
    for (uint k = 0; k < 10; k++) {
        descend(k);
        stack[(k + 1) % 3] = stack[k % 3].other;
        frames[k & 1].to.v[k] = remembered.value;
        local.to.v[16 + k] = stack[(k + 1) % 3].value;
    }
}
