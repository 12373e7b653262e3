#version 460
// Wants a capability that vksvm does not switch on.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_realtime_clock : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut to; uint n; } args;
void main() {
    args.to.at[args.n] = clockRealtime2x32EXT().x;
}
