// The smallest kernel whose result can be checked: one invocation, four arguments, one store.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require

layout(local_size_x = 1) in;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Source {
    float at[];
};

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Target {
    float at[];
};

layout(push_constant, scalar) uniform Arguments {
    Source x;
    Target y;
    uint n;
    float a;
};

void main() {
    y.at[0] = a * x.at[0] + float(n);
}
