// Atomic loads, stores and operations with scope and semantics under the Vulkan memory model.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "corpus.glsl"

void main() {
    if (me() >= args.n) return;
    Words counters = Words(args.root.p[17] + 1024);
    Words own_words = Words(own(3));
    uint x = Words(input_at(1, 4 * me())).v[0];
    atomicAdd(counters.v[x & 31], 3u, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsAcquireRelease);
    atomicStore(own_words.v[0], x, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsRelease);
    own_words.v[1] = atomicLoad(own_words.v[0], gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsAcquire) + 1;
    own_words.v[2] = atomicExchange(own_words.v[3], x, gl_ScopeQueueFamily, gl_StorageSemanticsBuffer,
                                    gl_SemanticsAcquireRelease | gl_SemanticsMakeAvailable | gl_SemanticsMakeVisible);
    own_words.v[4] = atomicCompSwap(own_words.v[5], own_words.v[5], x, gl_ScopeWorkgroup, gl_StorageSemanticsBuffer,
                                    gl_SemanticsAcquireRelease, gl_StorageSemanticsBuffer, gl_SemanticsAcquire);
}
