// Types that point to each other, forward-declared, in both directions, and to themselves through an array.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Edge;
layout(buffer_reference) buffer Vertex;
layout(buffer_reference) buffer Graph;
struct Slot { Edge edge; uint weight; uint pad; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Edge { Vertex from; Vertex to; Graph graph; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Vertex { Slot slots[2]; uint id; uint pad; Graph graph; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Graph { Vertex first; Graph inner; Edge last; };

void main() {
    if (me() >= args.n) return;
    uint64_t base = own(4);
    Graph graph = Graph(base);
    Vertex a = Vertex(base + 24);
    Vertex b = Vertex(base + 24 + 48);
    Edge edge = Edge(base + 24 + 96);
    graph.first = a;
    graph.inner = graph;
    graph.last = edge;
    edge.from = a;
    edge.to = b;
    edge.graph = graph;
    a.slots[0].edge = edge;
    a.slots[me() & 1].weight = me();
    a.slots[1].edge = edge;
    b.slots[1].edge = graph.inner.last;
    a.id = 1;
    b.id = 2;
    b.graph = edge.graph.inner;
    uint sum = 0;
    for (uint k = 0; k < 4; k++) sum = sum * 5 + graph.first.slots[k & 1].edge.to.slots[1].edge.graph.first.id;
    Words(base + 200).v[0] = sum + b.graph.last.from.slots[me() & 1].weight;
}
