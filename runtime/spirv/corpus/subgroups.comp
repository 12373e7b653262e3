// Subgroup operations on loaded values and around stores: lowering must not move accesses across control flow.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_vote : require
#include "corpus.glsl"

void main() {
    if (me() >= args.n) return;
    Words from = Words(input_at(1, 4 * (hash(me()) & 0x3fff)));
    Words to = Words(own(1));
    uint x = from.v[0];
    // Results that do not depend on the subgroup's size.
    to.v[0] = subgroupBallotBitCount(subgroupBallot(true)) == gl_SubgroupSize ? 1 : 0;
    to.v[1] = subgroupAll(uint64_t(to) != 0ul) ? x : 0;
    if ((x & 1) != 0) {
        uint count = subgroupAdd(1u);
        to.v[2] = subgroupMax(x) >= Words(input_at(1, 4 * (hash(me()) & 0x3fff))).v[0] && count > 0 ? 5 : 6;
    } else {
        to.v[2] = subgroupAny((x & 1) != 0) ? 7 : 8;
    }
    if (subgroupElect()) atomicAdd(Words(args.root.p[17]).v[100], 0);
}
