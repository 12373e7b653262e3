// References to numbers, for the slices that a vksvm kernel takes: T_in (read), T_out (written), T_inout (both),
// with T named as in Rust. `layout(push_constant, scalar) uniform Args { f32_in x; f32_inout y; uint n; };`, then
// x.v[i]. The vectors (f32x4_in and so on) need slices that start at a multiple of 16 bytes.
//
// 32-bit numbers are always there. Before including this file, define VKSVM_INT8, VKSVM_INT16, VKSVM_INT64 or
// VKSVM_F64 for more; that turns on the extension that the type needs. Including it again with more of them adds those.

#ifndef VKSVM_GLSL
#define VKSVM_GLSL
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require

#define VKSVM_REFERENCES(NAME, ELEMENT, ALIGN) \
layout(buffer_reference, scalar, buffer_reference_align = ALIGN) readonly buffer NAME##_in { ELEMENT v[]; }; \
layout(buffer_reference, scalar, buffer_reference_align = ALIGN) writeonly buffer NAME##_out { ELEMENT v[]; }; \
layout(buffer_reference, scalar, buffer_reference_align = ALIGN) buffer NAME##_inout { ELEMENT v[]; };

VKSVM_REFERENCES(f32, float, 4)
VKSVM_REFERENCES(u32, uint, 4)
VKSVM_REFERENCES(i32, int, 4)
VKSVM_REFERENCES(f32x4, vec4, 16)
VKSVM_REFERENCES(u32x4, uvec4, 16)
VKSVM_REFERENCES(i32x4, ivec4, 16)
#endif

#if defined(VKSVM_F64) && !defined(VKSVM_F64_DECLARED)
#define VKSVM_F64_DECLARED
VKSVM_REFERENCES(f64, double, 8)
VKSVM_REFERENCES(f64x2, dvec2, 16)
#endif

#if defined(VKSVM_INT64) && !defined(VKSVM_INT64_DECLARED)
#define VKSVM_INT64_DECLARED
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
VKSVM_REFERENCES(u64, uint64_t, 8)
VKSVM_REFERENCES(i64, int64_t, 8)
VKSVM_REFERENCES(u64x2, u64vec2, 16)
VKSVM_REFERENCES(i64x2, i64vec2, 16)
#endif

#if defined(VKSVM_INT16) && !defined(VKSVM_INT16_DECLARED)
#define VKSVM_INT16_DECLARED
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_16bit_storage : require
VKSVM_REFERENCES(u16, uint16_t, 2)
VKSVM_REFERENCES(i16, int16_t, 2)
#endif

#if defined(VKSVM_INT8) && !defined(VKSVM_INT8_DECLARED)
#define VKSVM_INT8_DECLARED
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_8bit_storage : require
VKSVM_REFERENCES(u8, uint8_t, 1)
VKSVM_REFERENCES(i8, int8_t, 1)
#endif
