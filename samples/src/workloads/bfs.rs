//! Breadth-first search over nodes that hold pointers to pointers. The device follows them, and links the tree of
//! parents that the CPU then checks by following pointers too.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts. Its launch vouches for the pointers that the device follows.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, grouped, row_of_groups};
use crate::{kernels, types::Node};
use anyhow::{Result, bail};
use fastrand::Rng;
use std::collections::VecDeque;
use vksvm::{In, InOut, Kernel, KernelArgs, Out, Ptr, Reach, Svm, SvmVec};

pub const WORKLOAD: Workload = Workload {
    name: "bfs",
    about: "breadth-first search over structs with pointers, on a graph with hubs",
    unit: "nodes",
    sizes: [Some(10_000), Some(100_000), Some(1_000_000)],
    input: None,
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Level<'a> {
    #[len(n)]
    frontier: In<'a, Ptr<Node>>,
    #[len(capacity)]
    next: Out<'a, Ptr<Node>>,
    #[len(1)]
    count: InOut<'a, u32>,
    n: u32,
    capacity: u32,
    level: u32,
    reach: Reach<'a>,
}

fn run(job: &Job) -> Result<Outcome> {
    let n = job.size_up_to(1 << 28)?;
    job.step("growing the graph");
    let lists = Lists::grow(n, &mut job.rng(0));
    let (mut nodes, edges) = lists.in_heap(job.svm)?;
    // SAFETY: bfs.comp reads the frontier below n, writes next below capacity and count by atomics; what it follows is
    // for its launch to vouch for.
    let kernel = unsafe { job.svm.module(kernels::BFS).load::<Level>()? }.timed();
    let root = 0;

    job.step("searching on the device");
    let mut meter = Meter::start();
    let depth = search(job.svm, &kernel, &mut nodes, &edges, root, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = lists.check(&nodes, root);
    let reached = nodes.iter().filter(|node| node.level != Node::UNREACHED).count();
    let edges = grouped(edges.len() as u64);
    let summary =
        format!("{} of {} nodes reached, {edges} edges, {depth} levels", grouped(reached as u64), grouped(n as u64));
    Ok(Outcome { size: n as u64, measured, check, summary, picture: None })
}

/// Fills in level and parent of each node that has a path from the root; returns the number of levels.
fn search(
    svm: &Svm,
    kernel: &Kernel<Level<'static>>,
    nodes: &mut [Node],
    edges: &[Ptr<Node>],
    root: usize,
    meter: &mut Meter,
) -> Result<u32> {
    nodes[root].level = 0;
    let (mut current, mut next) =
        (svm.try_zeroed::<Ptr<Node>>(nodes.len())?, svm.try_zeroed::<Ptr<Node>>(nodes.len())?);
    let mut count = svm.try_zeroed::<u32>(1)?;
    [&current, &next].into_iter().for_each(|frontier| svm.name(frontier, "frontier"));
    current[0] = Ptr::to(&nodes[root]);
    let capacity = nodes.len() as u32;
    svm.try_scope(|s| {
        let edges = s.read(edges);
        let mut nodes = s.lend(nodes);
        let (mut current, mut next, mut count) = (s.lend(&mut current), s.lend(&mut next), s.lend(&mut count));
        let (mut width, mut level) = (1, 0);
        while width > 0 {
            level += 1;
            count.host_mut()?[0] = 0;
            let reach = Reach::new().read(edges).update(nodes.update());
            let (frontier, next_out) = (current.read(), next.write());
            let args = Level { frontier, next: next_out, count: count.update(), n: width, capacity, level, reach };
            // SAFETY: the pointers in nodes and edges, which in_heap made, point into nodes and edges; the frontier's
            // come from edges, or are the root's. The kernel adds no others.
            meter.add(unsafe { kernel.launch_reaching(row_of_groups(width as usize, 128), args)? });
            width = count.host()?[0];
            if width > capacity {
                bail!("the device lists {width} nodes on level {level} of a graph of {capacity}");
            }
            std::mem::swap(&mut current, &mut next);
        }
        Ok(level)
    })
}

/// A graph as lists of neighbours by index: node i's are `targets[starts[i]..starts[i + 1]]`.
struct Lists {
    starts: Vec<usize>,
    targets: Vec<u32>,
}

/// Edges that a new node brings.
const EDGES: usize = 4;

impl Lists {
    /// Grows a graph node by node. A new node's neighbours are drawn in proportion to the neighbours they have already,
    /// so that a few become hubs and the degrees have a heavy tail. One node in a hundred stays alone.
    fn grow(n: usize, rng: &mut Rng) -> Self {
        let joined = (n - n / 100).max(1);
        // Both ends of each edge: a random end is a random node by degree.
        let mut ends: Vec<u32> = Vec::with_capacity(2 * EDGES * joined);
        for node in 1..joined {
            for _ in 0..EDGES.min(node) {
                let other = if ends.is_empty() { 0 } else { ends[rng.usize(..ends.len())] };
                // A draw may hit an end that this node has just added.
                let other = if other as usize == node { rng.u32(..node as u32) } else { other };
                ends.extend([node as u32, other]);
            }
        }
        Lists::from_edges(n, ends.chunks_exact(2).map(|pair| (pair[0], pair[1])))
    }

    /// Each edge in both directions.
    fn from_edges(n: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0; n + 1];
        for (a, b) in edges.clone() {
            starts[a as usize + 1] += 1;
            starts[b as usize + 1] += 1;
        }
        for i in 0..n {
            starts[i + 1] += starts[i];
        }
        let (mut free, mut targets) = (starts.clone(), vec![0; starts[n]]);
        for (a, b) in edges {
            for (from, to) in [(a, b), (b, a)] {
                targets[free[from as usize]] = to;
                free[from as usize] += 1;
            }
        }
        Lists { starts, targets }
    }

    fn of(&self, node: usize) -> &[u32] {
        &self.targets[self.starts[node]..self.starts[node + 1]]
    }

    /// The graph as structs with pointers: the nodes, and all of their edges one after the other.
    fn in_heap(&self, svm: &Svm) -> vksvm::Result<(SvmVec<Node>, SvmVec<Ptr<Node>>)> {
        let n = self.starts.len() - 1;
        let blank = Node { edges: Ptr::NULL, parent: Ptr::NULL, degree: 0, level: Node::UNREACHED };
        let mut nodes = svm.try_vec(std::iter::repeat_n(blank, n))?;
        let edges = svm.try_vec(self.targets.iter().map(|&to| Ptr::to(&nodes[to as usize])))?;
        for (i, node) in nodes.iter_mut().enumerate() {
            node.degree = self.of(i).len() as u32;
            node.edges = edges.get(self.starts[i]).map_or(Ptr::NULL, Ptr::to);
        }
        svm.name(&nodes, "nodes");
        svm.name(&edges, "edges");
        Ok((nodes, edges))
    }

    /// Levels by an ordinary search with a queue.
    fn levels(&self, root: usize) -> Vec<u32> {
        let mut levels = vec![Node::UNREACHED; self.starts.len() - 1];
        levels[root] = 0;
        let mut queue = VecDeque::from([root]);
        while let Some(at) = queue.pop_front() {
            for &to in self.of(at) {
                if levels[to as usize] == Node::UNREACHED {
                    levels[to as usize] = levels[at] + 1;
                    queue.push_back(to as usize);
                }
            }
        }
        levels
    }

    /// Compares every node's level, and follows every parent pointer: it must lead to a neighbour one level up.
    fn check(&self, nodes: &[Node], root: usize) -> Result<(), String> {
        for (i, (node, want)) in nodes.iter().zip(self.levels(root)).enumerate() {
            if node.level != want {
                return Err(format!("node {i} is on level {}, should be on {want}", node.level));
            }
            if i == root || want == Node::UNREACHED {
                if node.parent != Ptr::NULL {
                    return Err(format!("node {i} has a parent, and should have none"));
                }
                continue;
            }
            let Some(parent) = node.parent.index(nodes) else {
                return Err(format!("node {i}'s parent {:?} is no node", node.parent));
            };
            if nodes[parent].level + 1 != want || !self.of(i).contains(&(parent as u32)) {
                return Err(format!("node {i}'s parent {parent} is no neighbour one level up"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 - 1 - 2 - 3 with a shortcut 0 - 2, and 4 alone.
    fn small() -> Lists {
        Lists::from_edges(5, [(0, 1), (1, 2), (2, 3), (0, 2)].into_iter())
    }

    #[test]
    fn levels_are_right_by_hand() {
        assert_eq!(small().levels(0), [0, 1, 1, 2, Node::UNREACHED]);
        assert_eq!(small().levels(3), [2, 2, 1, 0, Node::UNREACHED]);
        assert_eq!(small().of(2), [1, 3, 0]);
    }

    #[test]
    fn wrong_levels_and_parents_are_found() {
        let lists = small();
        let blank = Node { edges: Ptr::NULL, parent: Ptr::NULL, degree: 0, level: Node::UNREACHED };
        let mut nodes = vec![blank; 5];
        for (i, level) in lists.levels(0).into_iter().enumerate() {
            nodes[i].level = level;
        }
        for (i, parent) in [(1, 0), (2, 0), (3, 2)] {
            nodes[i].parent = Ptr::to(&nodes[parent]);
        }
        assert_eq!(lists.check(&nodes, 0), Ok(()));
        let spoiled = |spoil: &dyn Fn(&mut [Node])| {
            let mut copy = nodes.clone();
            // The parents point into the copy as they did into the original.
            for (i, node) in nodes.iter().enumerate() {
                copy[i].parent = node.parent.index(&nodes).map_or(Ptr::NULL, |p| Ptr::to(&copy[p]));
            }
            assert_eq!(lists.check(&copy, 0), Ok(()));
            spoil(&mut copy);
            lists.check(&copy, 0).is_err()
        };
        assert!(spoiled(&|n| n[3].level = 3));
        assert!(spoiled(&|n| n[4].level = 1));
        assert!(spoiled(&|n| n[3].parent = Ptr::NULL));
        assert!(spoiled(&|n| n[3].parent = Ptr::to(&n[1])), "one level up, but no neighbour");
        assert!(spoiled(&|n| n[2].parent = Ptr::to(&n[1])), "a neighbour, but not one level up");
        assert!(spoiled(&|n| n[4].parent = Ptr::to(&n[0])));
    }

    #[test]
    fn a_grown_graph_has_hubs_and_loners() {
        let lists = Lists::grow(2000, &mut Rng::with_seed(3));
        let degrees: Vec<_> = (0..2000).map(|i| lists.of(i).len()).collect();
        assert_eq!(degrees.iter().filter(|&&d| d == 0).count(), 20);
        assert!(degrees.iter().max() > Some(&60), "{:?}", degrees.iter().max());
        assert_eq!(lists.levels(0).iter().filter(|&&l| l == Node::UNREACHED).count(), 20);
        assert!((0..2000).all(|i| !lists.of(i).contains(&(i as u32))));
    }
}
