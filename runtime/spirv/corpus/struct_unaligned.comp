// A struct of 100 bytes aligned to 4, copied whole from any multiple of 4: it straddles, and inside a member too.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Wide { vec4 a; uvec3 b; vec4 c[4]; uvec2 d; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Wides { Wide v; };

void main() {
    if (me() >= args.n) return;
    Wides(own(1) + 4).v = Wides(input_at(5, 4 * (hash(me()) % 16350))).v;
    Wides(own(1) + 120).v = Wides(input_at(7, 236 * me())).v;
}
