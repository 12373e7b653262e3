#version 460
// What a launch does not provide.
layout(local_size_x = 64) in;
layout(set = 1, binding = 3, std430) buffer Data { float v[]; } data;
void main() {
    data.v[gl_GlobalInvocationID.x] *= 2.0;
}
