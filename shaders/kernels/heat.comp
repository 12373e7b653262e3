// One step of heat conduction on a strip of a plate: each cell moves towards the mean of its four neighbours. `from` has
// the strip's rows, with one more row above and below where the plate goes on there. At its edges the plate is insulated:
// what would lie outside is as warm as the edge. A cell with a negative sign is held at its temperature, whatever
// surrounds it.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "vksvm.glsl"

layout(local_size_x = 64, local_size_y = 4) in;

layout(push_constant, scalar) uniform Args {
    f32_in from; // width * (above + rows + below)
    f32_out to;  // width * rows
    uint width;
    uint rows;
    uint above;
    uint below;
    float rate; // at most 1/4: with more, the steps swing up
};

float at(uint x, uint y) {
    return f32_in(uint64_t(from) + uint64_t(y) * width * 4ul).v[x];
}

void main() {
    uint x = gl_GlobalInvocationID.x;
    uint across = width / gl_WorkGroupSize.x + uint(width % gl_WorkGroupSize.x != 0u);
    if (gl_WorkGroupID.x >= across || gl_WorkGroupID.z != 0u || x >= width) {
        return;
    }
    uint left = max(x, 1u) - 1u, right = min(x + 1u, width - 1u);
    uint last = above + rows + below - 1u;
    uint step_down = gl_NumWorkGroups.y * gl_WorkGroupSize.y;
    for (uint row = gl_GlobalInvocationID.y; row < rows; row = rows - row > step_down ? row + step_down : rows) {
        uint y = row + above, up = max(y, 1u) - 1u, down = min(y + 1u, last);
        float here = at(x, y), warm = abs(here);
        float around = (abs(at(x, up)) + abs(at(x, down))) + (abs(at(left, y)) + abs(at(right, y)));
        float after = here < 0.0 ? here : warm + rate * (around - 4.0 * warm);
        f32_out(uint64_t(to) + uint64_t(row) * width * 4ul).v[x] = after;
    }
}
