// sums[i] = the sum of the values of the list that starts at heads[i]. Follows the pointers in the items.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    u64_in heads; // addresses of items: glslang takes Item_ptr_in, used like this, for a descriptor array
    u32_out sums;
    uint n;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        uint sum = 0u;
        uint64_t at = heads.v[i];
        while (at != 0ul) {
            Item_in item = Item_in(at);
            sum += item.v[0].value;
            at = uint64_t(item.v[0].next);
        }
        sums.v[i] = sum;
    }
}
