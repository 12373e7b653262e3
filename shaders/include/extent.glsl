// Joining sums and extremes: of two, and of a whole workgroup of up to 256 invocations.
#ifndef EXTENT_GLSL
#define EXTENT_GLSL

#define INFINITE uintBitsToFloat(0x7f800000u)

// One for each subgroup; 256 for devices whose subgroups have a single invocation.
shared Extent extent_of_subgroup[256];

Extent extent_join(Extent a, Extent b) {
    return Extent(a.sum + b.sum, min(a.min, b.min), max(a.max, b.max));
}

// The whole workgroup calls it together; the result is invocation 0's.
Extent extent_of_group(Extent mine) {
    mine = Extent(subgroupAdd(mine.sum), subgroupMin(mine.min), subgroupMax(mine.max));
    if (subgroupElect()) {
        extent_of_subgroup[gl_SubgroupID] = mine;
    }
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        for (uint s = 0u; s < gl_NumSubgroups; s++) {
            if (s != gl_SubgroupID) {
                mine = extent_join(mine, extent_of_subgroup[s]);
            }
        }
    }
    return mine;
}
#endif
