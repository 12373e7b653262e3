// One step of Lloyd's algorithm for some points: labels each with the nearest of ten centres, the first of these where
// several are, and adds up what the step of the centres needs. A workgroup works on tiles of 32 points in shared memory:
// two invocations a point compare it with five centres each, then one invocation a dimension adds the tile's points to
// the sums of the centres that they belong to. The order of each sum is fixed.
//
// Each workgroup leaves 10 (dims + 1) + 1 numbers in `partial`: for each centre the sum of its points, dimension by
// dimension, and their number; last the sum of the squared distances.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

const uint LOCAL = 64u;
layout(local_size_x = 64) in;

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
const uint TILE = 32u;
const uint PITCH = DIMS + 1u; // a row of the tile: one more, so that a column's elements lie in different banks

shared float tile[TILE * PITCH];
shared float middle[CENTRES * DIMS];
shared float sum[CENTRES * DIMS];
shared float count[CENTRES];
shared float distance_of[LOCAL];
shared uint nearest_of[LOCAL];

// Compares the tile's point p with the even centres, or on side 1 with the odd ones.
void compare(uint p, uint side) {
    float square[CENTRES / 2u];
    for (uint c = 0u; c < CENTRES / 2u; c++) {
        square[c] = 0.0;
    }
    for (uint d = 0u; d < dims; d++) {
        float value = tile[p * PITCH + d];
        for (uint c = 0u; c < CENTRES / 2u; c++) {
            float off = value - middle[(2u * c + side) * DIMS + d];
            square[c] += off * off;
        }
    }
    float least = square[0];
    uint nearest = side;
    for (uint c = 1u; c < CENTRES / 2u; c++) {
        if (square[c] < least) {
            least = square[c];
            nearest = 2u * c + side;
        }
    }
    distance_of[side * TILE + p] = least;
    nearest_of[side * TILE + p] = nearest;
}

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups || dims > DIMS) {
        return;
    }
    uint me = gl_LocalInvocationIndex;
    for (uint i = me; i < CENTRES * dims; i += LOCAL) {
        middle[i / dims * DIMS + i % dims] = centre.v[i];
    }
    for (uint i = me; i < CENTRES * DIMS; i += LOCAL) {
        sum[i] = 0.0;
    }
    if (me < CENTRES) {
        count[me] = 0.0;
    }
    float spread = 0.0;
    uint stride = min(grid_groups(), groups) * TILE;
    // All of a workgroup take part in every round: there are barriers inside.
    for (uint start = gl_WorkGroupID.x * TILE; start < points; start = points - start > stride ? start + stride : points) {
        uint here = min(points - start, TILE);
        for (uint i = me; i < here * dims; i += LOCAL) {
            tile[i / dims * PITCH + i % dims] = point.v[start * dims + i];
        }
        barrier();
        if (me % TILE < here) {
            compare(me % TILE, me / TILE);
        }
        barrier();
        if (me < here) {
            // The second half's centre wins a tie where it comes first.
            float a = distance_of[me], b = distance_of[TILE + me];
            uint first = nearest_of[me], second = nearest_of[TILE + me];
            uint nearest = b < a || (b == a && second < first) ? second : first;
            nearest_of[me] = nearest;
            label.v[start + me] = nearest;
            spread += min(a, b);
        }
        barrier();
        if (me < dims) {
            for (uint p = 0u; p < here; p++) {
                sum[nearest_of[p] * DIMS + me] += tile[p * PITCH + me];
            }
        }
        if (me < CENTRES) {
            for (uint p = 0u; p < here; p++) {
                count[me] += nearest_of[p] == me ? 1.0 : 0.0;
            }
        }
        barrier();
    }
    distance_of[me] = spread;
    barrier();
    uint out_at = gl_WorkGroupID.x * (CENTRES * (dims + 1u) + 1u);
    for (uint i = me; i < CENTRES * dims; i += LOCAL) {
        uint c = i / dims, d = i % dims;
        partial.v[out_at + c * (dims + 1u) + d] = sum[c * DIMS + d];
    }
    if (me < CENTRES) {
        partial.v[out_at + me * (dims + 1u) + dims] = count[me];
    }
    if (me == 0u) {
        float total = 0.0;
        for (uint i = 0u; i < TILE; i++) {
            total += distance_of[i];
        }
        partial.v[out_at + CENTRES * (dims + 1u)] = total;
    }
}
