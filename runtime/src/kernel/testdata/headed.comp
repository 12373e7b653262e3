#version 460
// An array behind a header: no slice has this.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Headed { float count; float v[]; };
layout(push_constant, scalar) uniform Args { Headed headed; } args;
void main() {
    args.headed.v[gl_GlobalInvocationID.x] = args.headed.count;
}
