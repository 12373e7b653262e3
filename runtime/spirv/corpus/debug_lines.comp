// Debug information of glslang: OpLine, OpSource with text, names of everything. Lines stay at their instructions.
// optimise: no
// debug: yes
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Record { vec3 at; uint id; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Records { Record v[]; };

Record changed(Record record) {
    record.id ^= 5;
    return record;
}

void main() {
    if (me() >= args.n) return;
    Records from = Records(input_at(5, 0));
    for (uint k = 0; k < 3; k++) {
        Record record = from.v[me() + k];
        Records(own(1)).v[k] = changed(record);
    }
}
