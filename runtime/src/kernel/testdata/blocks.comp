#version 460
// References that are not arrays without end, matrices both ways, and a block without readonly.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
layout(local_size_x = 64) in;
struct Pose { vec3 at; mat2x3 turn; vec2 uv[2]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Poses { Pose v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Fixed { float v[16]; };
layout(buffer_reference, scalar, row_major, buffer_reference_align = 4) buffer Single { Pose pose; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Members { float a; uint b; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Partly { readonly float a; uint b; };
layout(buffer_reference, scalar, buffer_reference_align = 2) readonly buffer Halves { float16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer One { vec4 v; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Columns { mat3 v[]; };
layout(push_constant, scalar) uniform Args {
    Poses poses;
    Fixed fixed_;
    Single single;
    Members members;
    Partly partly;
    Halves halves;
    One one;
    Columns columns;
} args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    Pose p = args.poses.v[i];
    args.fixed_.v[i & 15] = p.at.x * p.turn[1][2];
    args.fixed_.v[i & 15] += p.turn[0][1] + p.uv[1].y;
    args.single.pose = p;
    args.members.a = args.partly.a;
    args.members.b = args.partly.b;
    args.members.a += float(args.halves.v[i]) + args.one.v.x + args.columns.v[i][1][2];
}
