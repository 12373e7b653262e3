// The sum over a workgroup of up to 1024 invocations.
#ifndef SUM_GLSL
#define SUM_GLSL
#extension GL_KHR_shader_subgroup_arithmetic : require

// One for each subgroup; 1024 for devices whose subgroups have a single invocation.
shared float sum_of_subgroup[1024];

// The whole workgroup calls it together; the result is invocation 0's.
float sum_of_group(float mine) {
    mine = subgroupAdd(mine);
    if (subgroupElect()) {
        sum_of_subgroup[gl_SubgroupID] = mine;
    }
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        for (uint s = 0u; s < gl_NumSubgroups; s++) {
            if (s != gl_SubgroupID) {
                mine += sum_of_subgroup[s];
            }
        }
    }
    return mine;
}
#endif
