// Pointers as function parameters and in structs passed by value, not inlined: a callee translates what it dereferences.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };
struct Cursor { Node at; uint steps; Words to; };

uint value_of(Node node) { return node.value; }
void put(Words to, uint k, uint x) { to.v[k] = x; }
uint deep(Node node, uint x) { return value_of(node.next) ^ value_of(node.other) ^ x; }
void step_to(inout Cursor cursor) {
    put(cursor.to, cursor.steps, deep(cursor.at, cursor.steps));
    cursor.at = cursor.at.next;
    cursor.steps++;
}

void main() {
    if (me() >= args.n) return;
    Cursor cursor = Cursor(Node(args.root.p[16] + 64 * me()), 0, Words(own(1)));
    for (uint k = 0; k < 9; k++) step_to(cursor);
    put(Words(own(3)), 5, value_of(cursor.at));
}
