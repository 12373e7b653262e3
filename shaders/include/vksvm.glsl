// References to slices of numbers, named as Rust names the element: NAME_in (read only), NAME_out, NAME_inout.
#ifndef VKSVM_GLSL
#define VKSVM_GLSL
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_8bit_storage : require

#define VKSVM_REFERENCES(NAME, TYPE, ALIGN)                                                             \
    layout(buffer_reference, scalar, buffer_reference_align = ALIGN) readonly buffer NAME##_in { TYPE v[]; }; \
    layout(buffer_reference, scalar, buffer_reference_align = ALIGN) buffer NAME##_out { TYPE v[]; };         \
    layout(buffer_reference, scalar, buffer_reference_align = ALIGN) buffer NAME##_inout { TYPE v[]; };

VKSVM_REFERENCES(u8, uint8_t, 1)
VKSVM_REFERENCES(u32, uint, 4)
VKSVM_REFERENCES(i32, int, 4)
VKSVM_REFERENCES(u64, uint64_t, 8)
VKSVM_REFERENCES(f32, float, 4)
VKSVM_REFERENCES(u32x4, uvec4, 16)
VKSVM_REFERENCES(f32x4, vec4, 16)
#endif
