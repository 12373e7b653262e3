#version 460
// Runs until the program opens the gate; then counts. Drivers may end a loop after some number of rounds (llvmpipe
// after 65535), so it is many workgroups, each of which looks often; an open gate lets them all pass at once.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut gate; InOut count; uint rounds; } args;

// An atomic, so that no compiler moves the look out of the loop.
#define CLOSED (atomicOr(args.gate.at[0], 0u) == 0u)

void main() {
    for (uint i = 0; i < args.rounds; i++) {
        bool closed = CLOSED && CLOSED && CLOSED && CLOSED && CLOSED && CLOSED && CLOSED && CLOSED;
        if (!closed) break;
    }
    if (gl_WorkGroupID.x == 0) args.count.at[0] += 1;
}
