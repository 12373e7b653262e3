// Some rows of y = scale A x for a sparse matrix in compressed rows: row i's entries are col[k], val[k] for k from row[i]
// to row[i + 1]. Also the sum of these y, one partial sum for each workgroup: y is at hand here. Entries outside the
// slices are skipped, so that no content of `row` and `col` leads out of bounds.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"
#include "sum.glsl"

const uint LOCAL = 128u;
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    u32_in row;
    u32_in col;
    f32_in val;
    f32_in x; // all of it
    f32_out y; // of these rows
    f32_out partial;
    uint rows;
    uint entries;
    uint n; // elements of x
    uint groups;
    float scale;
};

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups) {
        return;
    }
    uint stride = min(grid_groups(), groups) * LOCAL;
    float total = 0.0;
    for (uint i = gl_GlobalInvocationID.x; i < rows; i = rows - i > stride ? i + stride : rows) {
        float sum = 0.0;
        uint end = min(row.v[i + 1u], entries);
        for (uint k = row.v[i]; k < end; k++) {
            uint column = col.v[k];
            if (column < n) {
                sum += val.v[k] * x.v[column];
            }
        }
        sum *= scale;
        y.v[i] = sum;
        total += sum;
    }
    total = sum_of_group(total);
    if (gl_LocalInvocationIndex == 0u) {
        partial.v[gl_WorkGroupID.x] = total;
    }
}
