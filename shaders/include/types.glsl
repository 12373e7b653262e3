// Written from Rust types by vksvm::glsl_declarations: change those instead.
#include "vksvm.glsl"

#ifndef VKSVM_TYPE_Node
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_inout;
#endif
#ifndef VKSVM_TYPE_Node_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_ptr_inout;
#endif
#ifndef VKSVM_TYPE_Item
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Item_inout;
#endif
#ifndef VKSVM_TYPE_Item_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Item_ptr_inout;
#endif
#ifndef VKSVM_TYPE_Word
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Word_inout;
#endif
#ifndef VKSVM_TYPE_Extent
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Extent_inout;
#endif
#ifndef VKSVM_TYPE_Pair
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Pair_inout;
#endif
#ifndef VKSVM_TYPE_Node
struct Node {
    Node_ptr_inout edges;
    Node_inout parent;
    uint degree;
    uint level;
};
#endif
#ifndef VKSVM_TYPE_Item
struct Item {
    Item_inout next;
    uint value;
    uint pad0_;
};
#endif
#ifndef VKSVM_TYPE_Word
struct Word {
    uint first;
    uint count;
};
#endif
#ifndef VKSVM_TYPE_Extent
struct Extent {
    float sum;
    float min;
    float max;
};
#endif
#ifndef VKSVM_TYPE_Pair
struct Pair {
    uint key;
    uint value;
};
#endif
#ifndef VKSVM_TYPE_Node_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Node_ptr_in { Node_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Node_ptr_out { Node_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_ptr_inout { Node_inout v[]; };
#endif
#ifndef VKSVM_TYPE_Node
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Node_in { Node v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Node_out { Node v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node_inout { Node v[]; };
#endif
#ifndef VKSVM_TYPE_Item
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Item_in { Item v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Item_out { Item v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Item_inout { Item v[]; };
#endif
#ifndef VKSVM_TYPE_Item_ptr
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Item_ptr_in { Item_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) writeonly buffer Item_ptr_out { Item_inout v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Item_ptr_inout { Item_inout v[]; };
#endif
#ifndef VKSVM_TYPE_Word
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Word_in { Word v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Word_out { Word v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Word_inout { Word v[]; };
#endif
#ifndef VKSVM_TYPE_Extent
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Extent_in { Extent v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Extent_out { Extent v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Extent_inout { Extent v[]; };
#endif
#ifndef VKSVM_TYPE_Pair
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Pair_in { Pair v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Pair_out { Pair v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Pair_inout { Pair v[]; };
#endif
#define VKSVM_TYPE_Node
#define VKSVM_TYPE_Node_ptr
#define VKSVM_TYPE_Item
#define VKSVM_TYPE_Item_ptr
#define VKSVM_TYPE_Word
#define VKSVM_TYPE_Extent
#define VKSVM_TYPE_Pair
