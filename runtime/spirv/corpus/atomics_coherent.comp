// Atomics on coherent, volatile and nested members, by dynamic index: pointers rebuilt for their decorations.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Cell { uint count; ivec2 extent; uint bins[4]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer Cells { uint total; volatile uint last; Cell cells[]; };

void main() {
    if (me() >= args.n) return;
    Cells counters = Cells(args.root.p[17] + 2048);
    Cells mine = Cells(own(3));
    uint x = Words(input_at(1, 4 * me())).v[0];
    atomicAdd(counters.total, 1);
    atomicMax(counters.last, x);
    atomicAdd(counters.cells[x & 7].bins[(x >> 3) & 3], x >> 5);
    atomicMin(counters.cells[8].extent.x, int(x));
    atomicMax(counters.cells[8].extent[1], int(x));
    mine.cells[0].count = atomicXor(mine.cells[1].bins[x & 3], x);
    mine.cells[2].count = atomicAdd(mine.cells[2].bins[(x >> 2) & 3], mine.cells[1].bins[0]);
    mine.last = mine.total + atomicOr(mine.total, 0);
}
