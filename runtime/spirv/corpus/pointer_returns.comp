// Functions that return pointers, in structs too, and through out parameters: what they return stays a unified address.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };
struct Pair { Node a; Node b; };

Node pick(Node node, bool left) { if (left) return node.next; return node.other; }
Pair both(Node node) { return Pair(pick(node, true), pick(node, false)); }
void swapped(Pair pair, out Pair result) { result.a = pair.b; result.b = pair.a; }

void main() {
    if (me() >= args.n) return;
    Node node = Node(args.root.p[16] + 64 * (hash(me()) & 1023));
    Pair pair;
    swapped(both(node), pair);
    Words(own(0)).v[0] = pair.a.value;
    Words(own(0)).v[1] = pair.b.index;
    Words(own(0)).v[2] = pick(pick(pair.a, false), true).value;
    pick(Node(own(2)), false);
    Node(own(2)).other = pair.b;
}
