// Coherence by scope under the Vulkan memory model: memory operands name a scope each, which must stay with the access.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Scoped {
    devicecoherent uint device;
    queuefamilycoherent uvec2 family;
    workgroupcoherent uvec3 group;
    subgroupcoherent uint sub;
    nonprivate vec2 open;
    volatile uint moving;
    devicecoherent mat2 turn;
};

void main() {
    if (me() >= args.n) return;
    Scoped from = Scoped(input_at(5, 52 * me()));
    Scoped to = Scoped(own(1));
    to.device = from.device + from.moving;
    to.family = from.family.yx;
    to.group = from.group;
    to.sub = from.sub;
    to.open = from.open;
    to.moving = to.device ^ 1;
    to.turn = from.turn;
    memoryBarrier(gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsAcquireRelease);
    Scoped into = Scoped(own(1) + 64);
    into.family = to.family;
    into.group.y = to.group[me() % 3];
}
