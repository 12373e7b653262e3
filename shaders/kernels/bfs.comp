// One level of breadth-first search over nodes that hold pointers: visits the neighbours of every node in `frontier`,
// gives those that nobody reached before their level and their parent, and lists them in `next`.
//
// Degrees differ by orders of magnitude. An invocation expands a node of few edges by itself; nodes of many edges are
// put aside and expanded by the whole workgroup, one after the other. New nodes are gathered in shared memory first, so
// that the counter that everybody shares is added to once a workgroup.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#include "types.glsl"
#include "grid.glsl"

const uint LOCAL = 128u;
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    Node_ptr_in frontier;
    Node_ptr_out next;
    u32_inout count; // nodes in next
    uint n;          // nodes in frontier
    uint capacity;   // of next
    uint level;      // of the nodes in next
};

const uint UNREACHED = 0xffffffffu;
const uint MANY = 64u; // edges that make a node a matter for the whole workgroup

// Addresses: references cannot lie in shared memory on every device.
shared uint64_t crowded[LOCAL];
shared uint crowded_count;
const uint ROOM = 1024u;
shared uint64_t found[ROOM];
shared uint found_count;
shared uint found_start;

void list(Node_inout node) {
    uint place = atomicAdd(found_count, 1u);
    if (place < ROOM) {
        found[place] = uint64_t(node);
        return;
    }
    place = atomicAdd(count.v[0], 1u);
    if (place < capacity) {
        next.v[place] = node;
    }
}

void visit(Node_inout from, Node_inout node) {
    // Most neighbours were reached before: a look is cheaper than an exchange. Atomic, for others exchange meanwhile.
    uint seen = atomicLoad(node.v[0].level, gl_ScopeDevice, gl_StorageSemanticsBuffer, gl_SemanticsRelaxed);
    if (seen == UNREACHED && atomicCompSwap(node.v[0].level, UNREACHED, level) == UNREACHED) {
        node.v[0].parent = from; // only who won the exchange comes here
        list(node);
    }
}

void main() {
    if (!grid_takes_part()) {
        return;
    }
    // All of a workgroup take part in every round: there are barriers inside.
    for (uint start = gl_WorkGroupID.x * LOCAL; start < n; start += grid_groups() * LOCAL) {
        if (gl_LocalInvocationIndex == 0u) {
            crowded_count = 0u;
            found_count = 0u;
        }
        barrier();
        uint i = start + gl_LocalInvocationIndex;
        if (i < n) {
            Node_inout node = frontier.v[i];
            uint degree = node.v[0].degree;
            if (degree < MANY) {
                Node_ptr_inout edges = node.v[0].edges;
                for (uint e = 0u; e < degree; e++) {
                    visit(node, edges.v[e]);
                }
            } else {
                crowded[atomicAdd(crowded_count, 1u)] = uint64_t(node);
            }
        }
        barrier();
        for (uint c = 0u; c < crowded_count; c++) {
            Node_inout node = Node_inout(crowded[c]);
            Node_ptr_inout edges = node.v[0].edges;
            for (uint e = gl_LocalInvocationIndex; e < node.v[0].degree; e += LOCAL) {
                visit(node, edges.v[e]);
            }
        }
        barrier();
        uint gathered = min(found_count, ROOM);
        if (gl_LocalInvocationIndex == 0u && gathered > 0u) {
            found_start = atomicAdd(count.v[0], gathered);
        }
        barrier();
        for (uint f = gl_LocalInvocationIndex; f < gathered; f += LOCAL) {
            if (found_start + f < capacity) {
                next.v[found_start + f] = Node_inout(found[f]);
            }
        }
        barrier();
    }
}
