// y = A x for a sparse matrix in compressed rows: row i's entries are col[k], val[k] for k from row[i] to row[i + 1].
// Entries outside the slices are skipped, so that no content of `row` and `col` leads out of bounds.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    u32_in row;
    u32_in col;
    f32_in val;
    f32_in x;
    f32_out y;
    uint n;
    uint entries;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        float sum = 0.0;
        uint end = min(row.v[i + 1u], entries);
        for (uint k = row.v[i]; k < end; k++) {
            uint column = col.v[k];
            if (column < n) {
                sum += val.v[k] * x.v[column];
            }
        }
        y.v[i] = sum;
    }
}
