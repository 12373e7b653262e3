// Sorts items into buckets by value: each bucket is a linked list, linked here by pushing to its front.
//
// An exchange of the bucket's head gives every pusher a predecessor of its own, in whatever order they come. Heads are
// indices, since 64-bit exchanges are not found on every device; the links are addresses, which the CPU can follow.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    Item_inout items;
    u32_inout heads; // index + 1 of a bucket's first item, 0 for none
    uint n;
    uint buckets;
};

const uint64_t ITEM = 16ul; // bytes of an Item

void main() {
    if (!grid_takes_part() || buckets == 0u) {
        return;
    }
    GRID_STRIDE(i, n) {
        uint bucket = items.v[i].value % buckets;
        uint behind = atomicExchange(heads.v[bucket], i + 1u);
        items.v[i].next = Item_inout(behind == 0u ? 0ul : uint64_t(items) + uint64_t(behind - 1u) * ITEM);
    }
}
