#version 460
// Every reference that vksvm.glsl declares, the wider numbers added by a second inclusion.
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT8
#define VKSVM_INT16
#include "vksvm.glsl"
#define VKSVM_INT64
#define VKSVM_F64
#include "vksvm.glsl"
layout(local_size_x = 64) in;
layout(push_constant, scalar) uniform Args {
    u8_in a;
    i8_out b;
    u16_in c;
    i16_inout d;
    u64_in e;
    i64_out f;
    f64_in g;
    f64x2_out h;
    u64x2_in i;
    i64x2_out j;
    u32_in k;
    i32_out l;
    u32x4_in m;
    i32x4_out n;
    f32x4_in o;
    f32_inout p;
} args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    args.b.v[i] = int8_t(args.a.v[i]);
    args.d.v[i] = int16_t(args.c.v[i]);
    args.f.v[i] = int64_t(args.e.v[i]);
    args.h.v[i] = dvec2(args.g.v[i]);
    args.j.v[i] = i64vec2(args.i.v[i]);
    args.l.v[i] = int(args.k.v[i]);
    args.n.v[i] = ivec4(args.m.v[i]) + ivec4(args.o.v[i]);
    args.p.v[i] += 1;
}
