#version 460
// Start-up probe: reads the word at an address and writes its successor beside it.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x = 1) in;
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Words { uint asked; uint answer; };
layout(push_constant, scalar) uniform Args { Words words; } args;
void main() {
    args.words.answer = args.words.asked + 1;
}
