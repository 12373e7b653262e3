//! PageRank on a graph that is larger than the device's memory need be: a launch for each part of the edges.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{
    Job, Meter, Outcome, Workload,
    advice::keep_first,
    check::{UNIT, close},
    graph::{EDGE_FACTOR, Graph},
    grouped,
    parts::{BLOCK, Blocks, PARTS},
    row_of_groups,
};
use crate::kernels;
use anyhow::{Context, Result, bail};
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
};
use vksvm::{
    In, Kernel, KernelArgs, Out, Svm, SvmVec,
    hints::{AccessHint, Region},
};

pub const WORKLOAD: Workload = Workload {
    name: "pagerank",
    about: "PageRank on an R-MAT graph of 2^scale nodes, or on the routes between US airports",
    unit: "scale",
    sizes: [None, Some(19), Some(22)],
    input: Some("a CSV file of edges: from, to"),
    // Edges and their rows, out-degrees, and shares twice.
    working_set: Some(|scale| ((EDGE_FACTOR as u64 + 4) * 4) << scale.min(40)),
    run,
};

#[derive(KernelArgs)]
struct Step<'a> {
    #[len(rows + 1)]
    row: In<'a, u32>,
    #[len(edges)]
    source: In<'a, u32>,
    #[len(rows)]
    degree: In<'a, u32>,
    #[len(nodes)]
    share: In<'a, f32>,
    #[len(rows)]
    next: Out<'a, f32>,
    #[len(groups)]
    loose: Out<'a, f32>,
    rows: u32,
    edges: u32,
    nodes: u32,
    groups: u32,
    base: f32,
    damping: f32,
}

/// The probability of going on along an edge: S. Brin and L. Page, "The anatomy of a large-scale hypertextual Web search
/// engine", 1998.
const DAMPING: f32 = 0.85;

/// Fixed, so that runs compare: after ten steps 0.85^10, a fifth, is left of what the first ranks were wrong by.
const STEPS: usize = 10;

/// Invocations of a workgroup, and workgroups of a launch, at most.
const LOCAL: usize = 128;
const GROUPS: usize = 64;

/// Some consecutive nodes, and the edges to them.
struct Part {
    nodes: Range<usize>,
    row: SvmVec<u32>,
    source: Blocks<u32>,
}

fn run(job: &Job) -> Result<Outcome> {
    let (graph, titles) = graph(job)?;
    job.step("sorting the edges by where they lead to");
    let parts = parts(job.svm, &graph)?;
    let degrees = graph.leaving();
    // SAFETY: pagerank.comp reads row up to rows, source below edges, degree below rows and share below nodes, whatever
    // these hold; each element of next and loose is written by one invocation.
    let kernel = unsafe { job.svm.module(kernels::PAGERANK).load::<Step>()? }.timed();

    job.step("ranking on the device");
    let mut meter = Meter::start();
    let ranks = rank(job, &kernel, &parts, &degrees, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let want = reference(&graph, &degrees);
    let accepted = accepted(&graph);
    let check = close("rank", ranks.iter().zip(want).map(|(&got, want)| (got, want, want * accepted)));
    let summary = summary(&graph, &titles, &ranks);
    let size = u64::from(graph.nodes.next_power_of_two().trailing_zeros());
    Ok(Outcome { size, measured, check, summary, picture: None })
}

/// The graph to rank, and what its nodes' names stand for.
fn graph(job: &Job) -> Result<(Graph, HashMap<String, String>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let read = |path: PathBuf| Graph::read(&path).with_context(|| format!("cannot use {} as edges", path.display()));
    match (job.input, job.size) {
        (Some(_), Some(_)) => bail!("a graph from a file has the size that it has: leave out --size or --input"),
        (Some(path), None) => {
            job.step("reading the graph");
            Ok((read(path.into())?, HashMap::new()))
        }
        (None, None) => {
            job.step("reading the routes");
            let path = data.join("airports.csv");
            let titles = titles(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((read(data.join("flights.csv"))?, titles))
        }
        (None, Some(_)) => {
            // Edges are counted in 32 bits, and listed in ordinary memory.
            let scale = job.size_up_to(24)? as u32;
            job.step("drawing the graph");
            Ok((Graph::rmat(scale, &mut job.rng(0)), HashMap::new()))
        }
    }
}

/// The name of each airport, by its code.
fn titles(path: &Path) -> Result<HashMap<String, String>> {
    let mut titles = HashMap::new();
    for record in csv::Reader::from_path(path)?.deserialize() {
        let (code, name, city, _): (String, String, String, String) = record?;
        titles.insert(code, format!("{name}, {city}"));
    }
    Ok(titles)
}

/// The graph's edges in compressed rows, by the node that they lead to, in parts of about a sixteenth: whole blocks, if
/// that is much.
fn parts(svm: &Svm, graph: &Graph) -> Result<Vec<Part>> {
    let mut starts = vec![0usize; graph.nodes + 1];
    for &(_, to) in &graph.edges {
        starts[to as usize + 1] += 1;
    }
    for node in 0..graph.nodes {
        starts[node + 1] += starts[node];
    }
    let (mut free, mut sources) = (starts.clone(), vec![0; graph.edges.len()]);
    for &(from, to) in &graph.edges {
        sources[free[to as usize]] = from;
        free[to as usize] += 1;
    }
    let block = BLOCK / size_of::<u32>();
    let share = graph.edges.len().div_ceil(PARTS);
    let room = if share >= block { share.next_multiple_of(block) } else { share };
    cut(&starts, room)
        .map(|nodes| {
            let edges = starts[nodes.start]..starts[nodes.end];
            let row = svm.try_vec(starts[nodes.start..=nodes.end].iter().map(|start| (start - edges.start) as u32))?;
            let mut source = Blocks::zeroed(svm, edges.len())?;
            source.copy_from_slice(&sources[edges]);
            svm.name(&row, "rows");
            svm.name(&source[..], "edges");
            Ok(Part { nodes, row, source })
        })
        .collect()
}

/// Ranges of nodes, in order, that have `room` edges at most each, or are a single node.
fn cut(starts: &[usize], room: usize) -> impl Iterator<Item = Range<usize>> {
    let (nodes, mut start) = (starts.len() - 1, 0);
    std::iter::from_fn(move || {
        let fitting = starts[start + 1..].partition_point(|&end| end - starts[start] <= room);
        let range = start..(start + fitting.max(1)).min(nodes);
        (start < nodes).then(|| {
            start = range.end;
            range
        })
    })
}

/// Each node's rank after [`STEPS`] steps from equal ranks.
fn rank(
    job: &Job,
    kernel: &Kernel<Step<'static>>,
    parts: &[Part],
    degrees: &[u32],
    meter: &mut Meter,
) -> Result<Vec<f32>> {
    let (svm, n) = (job.svm, degrees.len());
    let (mut now, mut next) = (Blocks::<f32>::zeroed(svm, n)?, Blocks::<f32>::zeroed(svm, n)?);
    let mut degree = Blocks::<u32>::zeroed(svm, n)?;
    degree.copy_from_slice(degrees);
    for (share, &leaving) in now.iter_mut().zip(degrees) {
        *share = 1.0 / n as f32 / leaving.max(1) as f32;
    }
    [&now, &next].into_iter().for_each(|ranks| svm.name(&ranks[..], "ranks"));
    svm.name(&degree[..], "degrees");
    let mut loose = svm.try_zeroed::<f32>(parts.len() * GROUPS)?;
    let mut spread = degrees.iter().filter(|&&leaving| leaving == 0).count() as f64 / n as f64;
    job.names([((&now).into(), "ranks"), ((&next).into(), "ranks"), ((&degree).into(), "degrees")]);
    parts.iter().for_each(|part| job.names([((&part.row).into(), "rows"), ((&part.source).into(), "edges")]));
    if let Some(svm) = job.hints() {
        let vectors = size_of_val(&now[..]) * 3;
        keep_first(svm, parts.iter().map(|part| [part.row[..].into(), part.source[..].into()]), vectors)?;
        for vector in [Region::from(&now), (&next).into(), (&degree).into()] {
            svm.access_hint(vector, AccessHint::hot())?;
        }
    }
    for _ in 0..STEPS {
        let base = base(spread, n) as f32;
        if let Some(svm) = job.hints() {
            // The step writes all of it.
            svm.discard(&mut next[..])?;
        }
        svm.scope(|s| {
            let share = s.read(&now);
            let mut rest = &mut next[..];
            for (part, loose) in parts.iter().zip(loose.chunks_mut(GROUPS)) {
                let (mine, others) = std::mem::take(&mut rest).split_at_mut(part.nodes.len());
                rest = others;
                let (rows, groups) = (mine.len(), mine.len().div_ceil(LOCAL).min(GROUPS));
                let args = Step {
                    row: s.read(&part.row),
                    source: s.read(&part.source),
                    degree: s.read(&degree[part.nodes.clone()]),
                    share,
                    next: s.write(mine),
                    loose: s.write(loose),
                    rows: rows as u32,
                    edges: part.source.len() as u32,
                    nodes: n as u32,
                    groups: groups as u32,
                    base,
                    damping: DAMPING,
                };
                meter.add_and_wait(kernel.launch(row_of_groups(groups, 1), args)?)?;
            }
            Ok(())
        })?;
        spread = loose.iter().map(|&rank| f64::from(rank)).sum();
        std::mem::swap(&mut now, &mut next);
    }
    Ok(now.iter().zip(degrees).map(|(share, &leaving)| share * leaving.max(1) as f32).collect())
}

/// What each of `n` nodes gets wherever its edges come from: the chance to begin anew, and its part of the ranks of nodes
/// that no edge leaves.
fn base(spread: f64, n: usize) -> f64 {
    (1.0 - f64::from(DAMPING) + f64::from(DAMPING) * spread) / n as f64
}

/// The same in double precision, in push form: edge by edge as they were drawn, where the kernel gathers by rows.
fn reference(graph: &Graph, degrees: &[u32]) -> Vec<f64> {
    let n = graph.nodes;
    let mut ranks = vec![1.0 / n as f64; n];
    for _ in 0..STEPS {
        let spread = ranks.iter().zip(degrees).filter(|(_, leaving)| **leaving == 0).map(|(rank, _)| rank).sum();
        let mut next = vec![base(spread, n); n];
        for (rank, &leaving) in ranks.iter_mut().zip(degrees) {
            *rank *= f64::from(DAMPING) / f64::from(leaving.max(1));
        }
        for &(from, to) in &graph.edges {
            next[to as usize] += ranks[from as usize];
        }
        ranks = next;
    }
    ranks
}

/// The largest relative error of a rank. All numbers are sums and products of positive ones, so relative errors grow by
/// one unit with each rounded operation on the longest way through the arithmetic, and by nothing else. The way through a
/// step: the sum of a node's shares, at most [`LOCAL`] additions or a share of these and the sum over the workgroup, the
/// sum of the loose ranks, a few invocations' and that of the workgroup, and not more than 16 for all others, a division
/// with its 2.5 units included.
fn accepted(graph: &Graph) -> f64 {
    let mut arriving = vec![0usize; graph.nodes];
    graph.edges.iter().for_each(|&(_, to)| arriving[to as usize] += 1);
    let longest = arriving.into_iter().max().unwrap_or_default();
    let sums = longest.div_ceil(LOCAL) + 2 * LOCAL + graph.nodes.div_ceil(LOCAL * GROUPS) + 2 * LOCAL;
    (1.0 + UNIT).powi(((sums + 16) * (STEPS + 1)) as i32) - 1.0
}

fn summary(graph: &Graph, titles: &HashMap<String, String>, ranks: &[f32]) -> String {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_unstable_by(|&a, &b| ranks[b].total_cmp(&ranks[a]).then(a.cmp(&b)));
    let top = order.iter().take(3).map(|&node| {
        let name = graph.names.get(node).cloned().unwrap_or_else(|| format!("node {node}"));
        format!("{} {:.2} %", titles.get(&name).unwrap_or(&name), 100.0 * ranks[node])
    });
    let (nodes, edges) = (grouped(graph.nodes as u64), grouped(graph.edges.len() as u64));
    format!("{nodes} nodes, {edges} edges; {}", top.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        // 0 and 1 point at each other, 2 at 0 twice, 3 nowhere: ranks solve r = base + 0.85 * shares.
        let edges = vec![(0, 1), (1, 0), (2, 0), (2, 0)];
        let graph = Graph { nodes: 4, edges, names: vec![] };
        assert_eq!(graph.leaving(), [1, 1, 2, 0]);
        let (d, mut r) = (f64::from(DAMPING), [0.25; 4]);
        for _ in 0..STEPS {
            let base = (1.0 - d) / 4.0 + d * r[3] / 4.0;
            r = [base + d * (r[1] + r[2]), base + d * r[0], base, base];
        }
        let ranks = reference(&graph, &graph.leaving());
        assert!(ranks.iter().zip(r).all(|(got, want)| (got - want).abs() < 1e-15), "{ranks:?} {r:?}");
        assert!((ranks.iter().sum::<f64>() - 1.0).abs() < 1e-14, "nothing is lost: {ranks:?}");
    }

    #[test]
    fn parts_have_room_for_their_edges() {
        let cut = |starts: &[usize], room| cut(starts, room).collect::<Vec<_>>();
        // Degrees 2, 0, 3, 1, 9, 0, 1.
        let starts = [0, 2, 2, 5, 6, 15, 15, 16];
        assert_eq!(cut(&starts, 5), [0..3, 3..4, 4..5, 5..7], "one node has more edges than there is room");
        assert_eq!(cut(&starts, 10), [0..4, 4..7]);
        assert_eq!(cut(&[0], 4), [] as [Range<usize>; 0]);
    }
}
