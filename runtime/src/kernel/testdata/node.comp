#version 460
// Everything that the argument checks look at, over the types that Rust declares.
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
layout(local_size_x = 8, local_size_y = 4) in;
layout(push_constant, scalar) uniform Args {
    Node_in nodes;
    Node_inout changed;
    Node_ptr_out order;
    f32x4_in fours;
    Pair_f32 pair;
    uint n;
    vec3 scale;
    mat2 turn;
    f32_3_inout triples;
    Node_inout root;
} args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    Node node = args.nodes.v[i];
    node.level = node.parent.v[0].level + uint(args.pair.b);
    node.after += uint(node.edges.v[node.degree].v[0].tails[1].key) + uint(node.in_.value);
    node.weights.v[i] = args.fours.v[i].y + args.fours.v[i].z + node.grid[1][0];
    args.changed.v[i] = node;
    args.order.v[i] = args.root;
    vec2 turned = args.turn * args.scale.xy;
    args.triples.v[i][1] = turned.x + args.fours.v[i + 1].x * args.pair.a;
    vec4 whole = args.fours.v[i + 2];
    args.triples.v[i][0] = dot(whole, whole);
}
