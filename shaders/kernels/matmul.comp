// c = a * b for row-major matrices: a is rows x depth, b is depth x columns, c is rows x columns.
//
// A workgroup computes a 64 x 64 tile of c, each of its 256 invocations 4 x 4 elements of it in registers. Tiles of a
// and b, 16 deep, go through shared memory, so that each element is loaded from memory once for 64 uses.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "vksvm.glsl"

const uint TILE = 64u;  // rows and columns of c
const uint DEPTH = 16u; // depth loaded at a time
const uint EACH = 4u;   // rows and columns of c in one invocation

layout(local_size_x = 16, local_size_y = 16) in;

layout(push_constant, scalar) uniform Args {
    f32_in a;
    f32_in b;
    f32_out c;
    uint rows;
    uint depth;
    uint columns;
};

// By depth, then row of a (column of b): an invocation's four are neighbours, one vec4. a's rows are written along the
// depth; the odd length keeps those writes out of each other's banks.
shared vec4 a_tile[DEPTH][TILE / EACH + 1u];
shared vec4 b_tile[DEPTH][TILE / EACH];

// Where a row starts. By address, because a matrix may have more elements than 32 bits count.
uint64_t row_of(uint64_t matrix, uint row, uint width) {
    return matrix + uint64_t(row) * width * 4ul;
}

void main() {
    // In whole tiles, so that no product wraps around.
    uvec2 tiles = uvec2(columns, rows) / TILE + uvec2(notEqual(uvec2(columns, rows) % TILE, uvec2(0)));
    if (any(greaterThanEqual(gl_WorkGroupID, uvec3(tiles, 1u)))) {
        return;
    }
    uvec2 tile = gl_WorkGroupID.xy * TILE;
    uvec2 own = gl_LocalInvocationID.xy;
    vec4 sums[EACH];
    for (uint r = 0u; r < EACH; r++) {
        sums[r] = vec4(0.0);
    }

    for (uint start = 0u; start < depth; start += DEPTH) {
        // Neighbouring invocations load neighbouring elements: along the depth of a, along the columns of b.
        // What lies outside the matrices counts as zero.
        for (uint i = gl_LocalInvocationIndex; i < TILE * DEPTH; i += 256u) {
            uint d = i % DEPTH, line = i / DEPTH;
            uint row = tile.y + line;
            bool inside = row < rows && start + d < depth;
            a_tile[d][line / EACH][line % EACH] = inside ? f32_in(row_of(uint64_t(a), row, depth)).v[start + d] : 0.0;
        }
        for (uint i = gl_LocalInvocationIndex; i < TILE * DEPTH; i += 256u) {
            uint d = i / TILE, line = i % TILE;
            uint column = tile.x + line;
            bool inside = column < columns && start + d < depth;
            b_tile[d][line / EACH][line % EACH] = inside ? f32_in(row_of(uint64_t(b), start + d, columns)).v[column] : 0.0;
        }
        barrier();
        for (uint d = 0u; d < DEPTH; d++) {
            vec4 left = a_tile[d][own.y], right = b_tile[d][own.x];
            for (uint r = 0u; r < EACH; r++) {
                sums[r] += left[r] * right;
            }
        }
        barrier();
    }

    for (uint r = 0u; r < EACH; r++) {
        uint row = tile.y + own.y * EACH + r;
        for (uint k = 0u; k < EACH; k++) {
            uint column = tile.x + own.x * EACH + k;
            if (row < rows && column < columns) {
                f32_out(row_of(uint64_t(c), row, columns)).v[column] = sums[r][k];
            }
        }
    }
}
