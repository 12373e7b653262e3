// Written from Rust types by vksvm::glsl_declarations: change those instead.
#ifndef VKSVM_INT8
#define VKSVM_INT8
#endif
#ifndef VKSVM_INT16
#define VKSVM_INT16
#endif
#ifndef VKSVM_INT64
#define VKSVM_INT64
#endif
#ifndef VKSVM_F64
#define VKSVM_F64
#endif
#include "vksvm.glsl"

#ifndef VKSVM_TYPE_Node
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_inout;
#endif
#ifndef VKSVM_TYPE_Node_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_ptr_inout;
#endif
#ifndef VKSVM_TYPE_Tail
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Tail_inout;
#endif
#ifndef VKSVM_TYPE_Pair_f32
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Pair_f32_inout;
#endif
#ifndef VKSVM_TYPE_f32_3
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer f32_3_inout;
#endif
#ifndef VKSVM_TYPE_Tail
struct Tail {
    uint64_t key;
    uint value;
    uint pad0_;
};
#endif
#ifndef VKSVM_TYPE_Node
struct Node {
    Node_ptr_inout edges;
    uint degree;
    uint level;
    Node_inout parent;
    f32_inout weights;
    Tail in_;
    uint after;
    uint8_t small;
    uint8_t pad0_;
    int16_t grid[3][2];
    uint16_t pad1_[3];
    Tail tails[2];
    uint8_t flag;
    uint8_t pad2_[7];
};
#endif
#ifndef VKSVM_TYPE_Pair_f32
struct Pair_f32 {
    float a;
    uint pad0_;
    double b;
};
#endif
#ifndef VKSVM_TYPE_Node_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Node_ptr_in { Node_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Node_ptr_out { Node_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_ptr_inout { Node_inout v[]; };
#endif
#ifndef VKSVM_TYPE_Tail
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Tail_in { Tail v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Tail_out { Tail v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Tail_inout { Tail v[]; };
#endif
#ifndef VKSVM_TYPE_Node
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Node_in { Node v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Node_out { Node v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_inout { Node v[]; };
#endif
#ifndef VKSVM_TYPE_Pair_f32
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Pair_f32_in { Pair_f32 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) writeonly buffer Pair_f32_out { Pair_f32 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Pair_f32_inout { Pair_f32 v[]; };
#endif
#ifndef VKSVM_TYPE_f32_3
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer f32_3_in { float v[][3]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer f32_3_out { float v[][3]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer f32_3_inout { float v[][3]; };
#endif
#define VKSVM_TYPE_Node
#define VKSVM_TYPE_Node_ptr
#define VKSVM_TYPE_Tail
#define VKSVM_TYPE_Pair_f32
#define VKSVM_TYPE_f32_3
