// The structs that samples share with their shaders. Written by `svm-samples glsl`.
#ifndef TYPES_GLSL
#define TYPES_GLSL
#include "vksvm.glsl"

#define STRUCT_REFERENCES(NAME)                                                                        \
    layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer NAME##_in { NAME v[]; }; \
    layout(buffer_reference, scalar, buffer_reference_align = 8) buffer NAME##_out { NAME v[]; };         \
    layout(buffer_reference, scalar, buffer_reference_align = 8) buffer NAME##_inout { NAME v[]; };

struct Node {
    uint64_t edges;
    uint64_t parent;
    uint degree;
    uint level;
};
STRUCT_REFERENCES(Node)

struct Item {
    uint64_t next;
    uint value;
    uint pad0;
};
STRUCT_REFERENCES(Item)

struct Word {
    uint first;
    uint count;
};
STRUCT_REFERENCES(Word)

struct Extent {
    float sum;
    float min;
    float max;
};
STRUCT_REFERENCES(Extent)
#endif
