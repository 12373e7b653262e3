// What the modules named wild_* share. They cannot run unlowered, nor with an offset: with a table their wild addresses
// lead to the null page, which holds zeros. Their verdict is in the image: it must be what it was, except for the first
// counter, which then is n: who reads or finds something wrong does not count itself. Those named wild_store_* may leave
// anything in the null page, the others leave it as it is.
#include "corpus.glsl"

// Addresses that are in no heap: 4 MiB is the largest image, and the heap starts at the root.
const uint WILD = 12;
uint64_t wild(uint k) {
    uint64_t heap = uint64_t(args.root);
    uint64_t past = heap + (4ul << 20);
    uint64_t addresses[WILD] = uint64_t[](
        0ul, 4ul, heap - 4, heap - 4096, past, past + 60, ~0ul - 3, ~0ul - 65535, heap | 0xab00000000000000ul,
        heap + 0x1000000000000ul, 0x8000000000000000ul, heap ^ 0x400000000000ul);
    return addresses[k % WILD];
}

// Ends the invocation's work: `good` says that everything was as it should be.
void judge(bool good) {
    if (good) atomicAdd(Words(args.root.p[17]).v[0], 1);
}
