// What all modules of the corpus share: where their memory is, and which part of it belongs to an invocation.
//
// The root struct is 64 pointers: p[0..8) inputs, p[8..16) outputs, p[16] nodes, p[17] counters. Inputs and outputs have
// 64 KiB; those with an odd index start at 4 modulo 16, the others at multiples of 16.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

layout(local_size_x = 64) in;

layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Root { uint64_t p[64]; };
layout(push_constant, scalar) uniform Args {
    Root root;
    uint n;
    uint seed;
} args;

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Words { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Floats { float v[]; };

uint me() { return gl_GlobalInvocationID.x; }

// The address of byte `offset` of input region k. Regions 0 to 3 hold random words, 4 to 7 floats that are whole numbers.
uint64_t input_at(uint k, uint offset) { return args.root.p[k] + offset; }

// The address of the 256 bytes of output region k that are this invocation's own.
uint64_t own(uint k) { return args.root.p[8 + k] + 256 * me(); }

// A number that looks random: where to read.
uint hash(uint x) {
    x = (x ^ args.seed) * 0x9e3779b1u;
    x = (x ^ (x >> 15)) * 0x85ebca6bu;
    return x ^ (x >> 13);
}
