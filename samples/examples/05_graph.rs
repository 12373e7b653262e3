//! 05: breadth-first search over nodes that hold pointers. The device links a tree of parents, which the CPU walks.
//! `lend` passes one slice to many launches and gives the CPU access in between, waiting for that slice only.
//!
//! # Safety
//! The launch vouches for the pointers in the graph.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{In, InOut, Kernel, KernelArgs, Out, Ptr, Reach, Svm, SvmVec};
use vksvm_samples::types::Node; // { edges: Ptr<Ptr<Node>>, parent: Ptr<Node>, degree: u32, level: u32 }

#[derive(KernelArgs)]
struct Bfs<'a> {
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

// Kernels and vectors keep the heap alive; they go into structs like anything else, without a lifetime.
struct Graph {
    bfs: Kernel<Bfs<'static>>,
    nodes: SvmVec<Node>,
    edges: SvmVec<Ptr<Node>>,
}

impl Graph {
    fn new(svm: &Svm, neighbours: &[&[usize]]) -> Result<Self> {
        let blank = Node { edges: Ptr::NULL, parent: Ptr::NULL, degree: 0, level: Node::UNREACHED };
        let mut nodes = svm.vec(neighbours.iter().map(|_| blank));
        let edges = svm.vec(neighbours.iter().flat_map(|list| list.iter().map(|&to| Ptr::to(&nodes[to]))));
        let mut at = 0;
        for (node, list) in nodes.iter_mut().zip(neighbours) {
            node.edges = edges.get(at).map_or(Ptr::NULL, Ptr::to);
            node.degree = list.len() as u32;
            at += list.len();
        }
        // SAFETY: bfs.comp writes next only below capacity and count by atomics; the pointers are the launch's matter.
        let bfs = unsafe { svm.module(include_bytes!("../../shaders/kernels/bfs.spv")).load()? };
        Ok(Graph { bfs, nodes, edges })
    }

    fn search(&mut self, svm: &Svm, root: usize) -> Result<()> {
        let n = self.nodes.len();
        self.nodes[root].level = 0;
        let (mut current, mut next) = (svm.zeroed::<Ptr<Node>>(n), svm.zeroed::<Ptr<Node>>(n));
        let mut count = svm.zeroed::<u32>(1);
        current[0] = Ptr::to(&self.nodes[root]);
        svm.scope(|s| {
            let edges = s.read(&self.edges);
            let mut nodes = s.lend(&mut self.nodes);
            let (mut current, mut next, mut count) = (s.lend(&mut current), s.lend(&mut next), s.lend(&mut count));
            let (mut width, mut level) = (1, 0);
            while width > 0 {
                level += 1;
                count.host_mut()?[0] = 0;
                let reach = Reach::new().read(edges).update(nodes.update());
                let (frontier, next_out, count_out) = (current.read(), next.write(), count.update());
                let args =
                    Bfs { frontier, next: next_out, count: count_out, n: width, capacity: n as u32, level, reach };
                // SAFETY: every pointer in nodes, edges and the frontier points into nodes or edges.
                unsafe { self.bfs.launch_reaching(width, args)? };
                width = count.host()?[0]; // waits for this launch only
                std::mem::swap(&mut current, &mut next);
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    //       1
    //     /   \
    //   0       3 - 4     5
    //     \   /
    //       2
    let mut graph = Graph::new(&svm, &[&[1, 2], &[3], &[3], &[4], &[], &[]])?;
    graph.search(&svm, 0)?;

    // Walk back over pointers that the device wrote, without unsafe.
    let mut at = &graph.nodes[4];
    let mut path = vec![at.level];
    while let Some(parent) = at.parent.get(&graph.nodes) {
        at = parent;
        path.push(at.level);
    }
    assert_eq!(path, [3, 2, 1, 0]);
    assert!(std::ptr::eq(at, &graph.nodes[0]), "the path ends at the root");
    assert_eq!(graph.nodes[5].level, Node::UNREACHED);
    println!("levels on the way from node 4 to the root: {path:?}");
    Ok(())
}
