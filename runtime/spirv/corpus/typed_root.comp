// Pointers that come from memory with their type: a struct of typed pointers is the first thing that is read.
#version 460
#extension GL_GOOGLE_include_directive : require
#define Root UntypedRoot
#include "corpus.glsl"
#undef Root

struct Pose { vec3 at; float angle; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Poses { Pose v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer TypedRoot {
    Words words; uint64_t skipped[3]; Poses poses; Floats loose; uint64_t more[2]; Poses to; Words words_to;
};

void main() {
    if (me() >= args.n) return;
    TypedRoot root = TypedRoot(args.root);
    uint at = hash(me());
    for (uint k = 0; k < 8; k++) {
        Pose pose = root.poses.v[(at + k) & 0xfff];
        root.to.v[16 * me() + k] = Pose(pose.at.zxy, root.loose.v[at & 0x3fff]);
        root.words_to.v[64 * me() + k] = root.words.v[(at ^ k) & 0x3fff];
    }
}
