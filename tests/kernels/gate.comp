#version 460
// Runs until the program opens the gate; then counts. Drivers may end a loop after some number of rounds (llvmpipe
// after 65535), so there are many workgroups, which an open gate lets pass at once. They are full: the old llvmpipe
// runs a loop to that end for the idle lanes of a workgroup that does not fill its vectors.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut gate; InOut count; uint rounds; } args;

void main() {
    uint seen = 0;
    for (uint i = 0; i < args.rounds; i++) {
        // An atomic, so that no compiler moves the look out of the loop.
        seen = atomicOr(args.gate.at[0], 0u);
        if (seen != 0) break;
    }
    // A gate that was not opened in time lets pass, too, but does not count.
    bool last = gl_WorkGroupID.x == gl_NumWorkGroups.x - 1 && gl_LocalInvocationID.x == 63;
    if (last && seen != 0) args.count.at[0] += 1;
}
