#version 460
// Runs until the program opens the gate; then counts. Drivers may end a loop after some number of rounds (llvmpipe
// after 65535), so each round looks many times, and there are many workgroups, which an open gate lets pass at once.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };
layout(push_constant, scalar) uniform Args { InOut gate; InOut count; uint rounds; } args;

// An atomic, so that no compiler moves the look out of the loop.
#define LOOK seen |= atomicOr(args.gate.at[0], 0u)
#define LOOKS LOOK; LOOK; LOOK; LOOK; LOOK; LOOK; LOOK; LOOK

void main() {
    uint seen = 0;
    for (uint i = 0; i < args.rounds; i++) {
        LOOKS; LOOKS; LOOKS; LOOKS; LOOKS; LOOKS; LOOKS; LOOKS;
        if (seen != 0) break;
    }
    // A gate that was not opened in time lets pass, too, but does not count.
    if (seen != 0 && gl_WorkGroupID.x == gl_NumWorkGroups.x - 1) args.count.at[0] += 1;
}
