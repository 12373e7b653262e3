// sums[i] = the sum of the values of the list that starts at heads[i]. Follows the pointers in the items.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    Item_ptr_in heads;
    u32_out sums;
    uint n;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        uint sum = 0u;
        for (Item_inout item = heads.v[i]; uint64_t(item) != 0ul; item = item.v[0].next) {
            sum += item.v[0].value;
        }
        sums.v[i] = sum;
    }
}
