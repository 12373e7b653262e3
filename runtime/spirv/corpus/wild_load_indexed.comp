// Wild indices from a good base, and good results from a wild base plus an index that leads back into the heap.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Word { uint v; };

void main() {
    if (me() >= args.n) return;
    Words root = Words(uint64_t(args.root));
    // 2^30 words beyond the root, and 2^20 and 3 before it.
    bool good = root.v[0x40000000u] == 0 && (Word(uint64_t(args.root)) - 0x100003).v == 0;
    uint64_t far = uint64_t(args.root) - 4 * (1000000ul + me());
    Word back = Word(far) + (1000000 + int(me()));
    good = good && Word(far).v == 0 && back.v == root.v[0];
    judge(good);
}
