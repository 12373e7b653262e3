// Adds one to each of n elements: so small that launching it is what costs, and every launch depends on the last.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require

layout(local_size_x = 64) in;

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Counts {
    uint at[];
};

layout(push_constant, scalar) uniform Arguments {
    Counts y;
    uint n;
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i < n) {
        y.at[i] += 1;
    }
}
