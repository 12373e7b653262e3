// One step of PageRank for some of a graph's nodes, in pull form: a node's new rank is `base` plus `damping` times what
// the sources of its edges give. A node gives each of its edges the same share of its rank, and shares are what the steps
// hand on: `next` is the new rank over the number of edges that leave the node. Nobody asks for the share of a node that
// no edge leaves; it holds the rank itself, and `loose` adds these ranks up, for the next step to spread over all nodes.
//
// Degrees differ by orders of magnitude. An invocation adds up the shares for a node of few edges by itself; nodes of many
// are put aside and added up by the whole workgroup, one after the other. Edges whose source is no node are skipped, and
// so are rows beyond the edges, so that no content of `row` and `source` leads out of bounds.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"
#include "sum.glsl"

const uint LOCAL = 128u;
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    u32_in row;    // the edges to node i are those from row[i] to row[i + 1]
    u32_in source; // where each edge comes from, a node of the whole graph
    u32_in degree; // how many edges leave node i
    f32_in share;  // of the whole graph's nodes
    f32_out next;  // of these nodes
    f32_out loose; // a sum for each workgroup
    uint rows;
    uint edges;
    uint nodes;
    uint groups;
    float base;
    float damping;
};

const uint MANY = 64u; // edges that make a node a matter for the whole workgroup

shared uint crowded[LOCAL]; // the invocations that put their node aside
shared uint crowded_count;
shared uint first_of[LOCAL];
shared uint count_of[LOCAL];
shared float sum_of[LOCAL];

// The shares that `count` edges from `first` on give: number `at` and then every `each`th.
float add_up(uint first, uint count, uint at, uint each) {
    float sum = 0.0;
    while (at < count) {
        uint from = source.v[first + at];
        if (from < nodes) {
            sum += share.v[from];
        }
        at = count - at > each ? at + each : count;
    }
    return sum;
}

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups) {
        return;
    }
    uint me = gl_LocalInvocationIndex;
    uint stride = min(grid_groups(), groups) * LOCAL;
    float stuck = 0.0;
    // All of a workgroup take part in every round: there are barriers inside.
    for (uint start = gl_WorkGroupID.x * LOCAL; start < rows; start = rows - start > stride ? start + stride : rows) {
        if (me == 0u) {
            crowded_count = 0u;
        }
        barrier();
        bool mine = me < rows - start;
        uint i = start + me;
        uint end = mine ? min(row.v[i + 1u], edges) : 0u;
        uint first = mine ? min(row.v[i], end) : 0u;
        uint count = end - first;
        float sum = 0.0;
        if (count < MANY) {
            sum = add_up(first, count, 0u, 1u);
        } else {
            first_of[me] = first;
            count_of[me] = count;
            crowded[atomicAdd(crowded_count, 1u)] = me;
        }
        barrier();
        for (uint c = 0u; c < crowded_count; c++) {
            uint who = crowded[c];
            float total = sum_of_group(add_up(first_of[who], count_of[who], me, LOCAL));
            if (me == 0u) {
                sum_of[who] = total;
            }
            barrier();
        }
        if (mine) {
            float rank = base + damping * (count < MANY ? sum : sum_of[me]);
            uint leaving = degree.v[i];
            next.v[i] = leaving == 0u ? rank : rank / float(leaving);
            stuck += leaving == 0u ? rank : 0.0;
        }
        barrier();
    }
    stuck = sum_of_group(stuck);
    if (me == 0u) {
        loose.v[gl_WorkGroupID.x] = stuck;
    }
}
