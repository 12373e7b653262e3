#version 460
// Follows a list and adds up its values; doubles them on the way.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 1) in;
layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Node { Node next; uint value; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Out { uint at[]; };
layout(push_constant, scalar) uniform Args { Node head; Out total; uint most; } args;
void main() {
    uint sum = 0;
    Node at = args.head;
    for (uint i = 0; i < args.most && uint64_t(at) != 0; i++) {
        sum += at.value;
        at.value *= 2;
        at = at.next;
    }
    args.total.at[0] = sum;
}
