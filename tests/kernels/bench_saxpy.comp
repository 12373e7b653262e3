// y = a * x + y over n vectors of four: one vector an invocation.
// Aligned to 4 only, as Rust's [f32; 4] is.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require

layout(local_size_x = 256) in;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Source {
    vec4 at[];
};

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Target {
    vec4 at[];
};

layout(push_constant, scalar) uniform Arguments {
    Source x;
    Target y;
    uint n;
    float a;
};

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i < n) {
        y.at[i] = a * x.at[i] + y.at[i];
    }
}
