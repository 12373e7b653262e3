// One step of Lloyd's algorithm for some points: labels each with the nearest of ten centres, the first of these where
// several are, and adds up what the step of the centres needs. A workgroup works on tiles of 32 points in shared memory:
// first an invocation compares a point with all centres, then an invocation adds two dimensions of the tile's points to the
// sums of the centres that they belong to. The order of each sum is fixed.
//
// Each workgroup leaves 10 (dims + 1) + 1 numbers in `partial`: for each centre the sum of its points, dimension by
// dimension, and their number; last the sum of the squared distances.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "vksvm.glsl"
#include "grid.glsl"

const uint TILE = 32u; // points, and invocations of a workgroup
layout(local_size_x = 32) in;

layout(push_constant, scalar) uniform Args {
    f32_in point;  // points * dims
    f32_in centre; // 10 * dims
    u32_out label;
    f32_out partial;
    uint points;
    uint dims; // at most 64
    uint groups;
};

const uint CENTRES = 10u;
const uint DIMS = 64u;
const uint FOURS = DIMS / 4u;
const uint PITCH = FOURS + 1u; // a row of the tile: one more, so that a column's elements lie in different banks

// Numbers in fours, for fewer loads. Beyond the last dimension they are zero, and add nothing to a distance.
shared vec4 tile[TILE * PITCH];
shared vec4 middle[CENTRES * FOURS];
shared float sum[CENTRES * DIMS];
shared float count[CENTRES];
shared uint nearest_of[TILE];
shared float spread_of[TILE];

// The tile's point p gets its label; returns its squared distance from that centre.
float label_point(uint p) {
    float square[CENTRES];
    for (uint c = 0u; c < CENTRES; c++) {
        square[c] = 0.0;
    }
    for (uint f = 0u; f * 4u < dims; f++) {
        vec4 value = tile[p * PITCH + f];
        for (uint c = 0u; c < CENTRES; c++) {
            vec4 off = value - middle[c * FOURS + f];
            square[c] += dot(off, off);
        }
    }
    float least = square[0];
    uint nearest = 0u;
    for (uint c = 1u; c < CENTRES; c++) {
        if (square[c] < least) {
            least = square[c];
            nearest = c;
        }
    }
    nearest_of[p] = nearest;
    return least;
}

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups || dims > DIMS) {
        return;
    }
    uint me = gl_LocalInvocationIndex;
    // Loops of a length that is known are not unrolled where that would only make more code of them.
    [[dont_unroll]] for (uint i = me; i < TILE * PITCH; i += TILE) {
        tile[i] = vec4(0.0);
    }
    [[dont_unroll]] for (uint i = me; i < CENTRES * DIMS; i += TILE) {
        uint d = i % DIMS;
        middle[i / 4u][d % 4u] = d < dims ? centre.v[i / DIMS * dims + d] : 0.0;
        sum[i] = 0.0;
    }
    if (me < CENTRES) {
        count[me] = 0.0;
    }
    float spread = 0.0;
    uint stride = min(grid_groups(), groups) * TILE;
    barrier();
    // All of a workgroup take part in every round: there are barriers inside.
    for (uint start = gl_WorkGroupID.x * TILE; start < points; start = points - start > stride ? start + stride : points) {
        uint here = min(points - start, TILE);
        for (uint i = me; i < here * dims; i += TILE) {
            uint d = i % dims;
            tile[i / dims * PITCH + d / 4u][d % 4u] = point.v[start * dims + i];
        }
        barrier();
        if (me < here) {
            spread += label_point(me);
            label.v[start + me] = nearest_of[me];
        }
        barrier();
        for (uint d = me; d < dims; d += TILE) {
            [[dont_unroll]] for (uint p = 0u; p < here; p++) {
                sum[nearest_of[p] * DIMS + d] += tile[p * PITCH + d / 4u][d % 4u];
            }
        }
        if (me < CENTRES) {
            [[dont_unroll]] for (uint p = 0u; p < here; p++) {
                count[me] += nearest_of[p] == me ? 1.0 : 0.0;
            }
        }
        barrier();
    }
    spread_of[me] = spread;
    barrier();
    uint out_at = gl_WorkGroupID.x * (CENTRES * (dims + 1u) + 1u);
    [[dont_unroll]] for (uint i = me; i < CENTRES * dims; i += TILE) {
        uint c = i / dims, d = i % dims;
        partial.v[out_at + c * (dims + 1u) + d] = sum[c * DIMS + d];
    }
    if (me < CENTRES) {
        partial.v[out_at + me * (dims + 1u) + dims] = count[me];
    }
    if (me == 0u) {
        float total = 0.0;
        [[dont_unroll]] for (uint i = 0u; i < TILE; i++) {
            total += spread_of[i];
        }
        partial.v[out_at + CENTRES * (dims + 1u)] = total;
    }
}
