// Specialization constants: as array lengths, as indices, and in OpSpecConstantOp; offsets behind them are not literals.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(constant_id = 0) const uint LENGTH = 5;
layout(constant_id = 1) const int SHIFT = 2;
layout(constant_id = 2) const bool REVERSED = false;
const uint LAST = LENGTH * 2 - 1;

struct Row { uint head; uint cells[6]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Rows { uint count; Row v[]; };
shared uint tile[LENGTH * 64];

void main() {
    if (me() >= args.n) return;
    uint local[LENGTH];
    Rows from = Rows(input_at(1, 0));
    Rows to = Rows(own(1));
    for (uint k = 0; k < LENGTH; k++) local[k] = from.v[me() + k].cells[REVERSED ? LENGTH - 1 - k : k];
    tile[gl_LocalInvocationID.x * LENGTH + (LENGTH - 1)] = local[LENGTH - 1];
    to.v[SHIFT].cells[LENGTH] = from.v[LAST].cells[SHIFT + 1];
    to.v[1].head = from.v[LAST * LENGTH + me()].head;
    for (uint k = 0; k < LENGTH; k++) to.v[0].cells[k] = local[LENGTH - 1 - k];
    to.v[3].head = tile[gl_LocalInvocationID.x * LENGTH + LENGTH - 1];
}
