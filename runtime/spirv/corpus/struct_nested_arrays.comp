// Nested structs with arrays of structs and arrays of arrays inside, loaded and stored whole.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Leaf { uint a; vec2 b; };
struct Branch { Leaf leaves[3]; uint grid[2][3]; Leaf last; };
struct Tree { Branch left; uint middle; Branch right; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Trees { Tree v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Branches { Branch v[]; };

void main() {
    if (me() >= args.n) return;
    Trees from = Trees(input_at(7, 0));
    Tree tree = from.v[hash(me()) % 400];
    Branch branch = from.v[me()].left;
    uint swapped = tree.left.grid[me() & 1][2];
    tree.left.grid[1][0] = swapped;
    tree.right.leaves[me() % 3] = branch.last;
    tree.middle = me();
    Trees(own(1)).v[0] = tree;
    Branches(own(3)).v[1] = branch;
    Branches(own(3)).v[0] = Trees(own(1)).v[0].right;
    Branches(own(3)).v[2].leaves[1] = from.v[me()].right.leaves[me() % 3];
}
