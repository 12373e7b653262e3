#version 460
#extension GL_EXT_buffer_reference : require
// Specialization constants of every kind; sizes that rest on them.
layout(local_size_x_id = 0, local_size_y_id = 1) in;
layout(local_size_z = 2) in;
layout(constant_id = 2) const bool on = true;
layout(constant_id = 3) const uint width = 16;
layout(constant_id = 4) const float scale = 1.5;
layout(constant_id = 5) const double fine = 0.25;
layout(constant_id = 6) const int shift = -3;
shared float tile[width * 2 + 4];
shared vec3 sum;
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Floats { float v[]; };
layout(push_constant) uniform Args { Floats to; } args;
void main() {
    uint i = gl_LocalInvocationIndex;
    tile[i % width] = on ? scale : float(fine);
    sum = vec3(shift);
    barrier();
    args.to.v[i] = tile[(i + 1) % width] + sum.y;
}
