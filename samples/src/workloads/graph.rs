//! Directed graphs as lists of edges: drawn at random, or read from a file.

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use std::{collections::HashMap, path::Path};

/// Nodes by number, and edges from a node to a node in no particular order. The same edge may be there more than once.
pub struct Graph {
    pub nodes: usize,
    pub edges: Vec<(u32, u32)>,
    /// What the nodes are called, where they have names.
    pub names: Vec<String>,
}

/// Edges of a generated graph for each node, as in the Graph 500 benchmark.
pub const EDGE_FACTOR: usize = 16;

/// The probability that an edge begins and ends in the lower half of the nodes, begins there and ends in the upper half,
/// the reverse: at every level of the recursion, added up, in 65536ths. They are 0.57, 0.19 and 0.19, the parameters of
/// the Graph 500 benchmark's specification.
const QUADRANTS: [u16; 3] = [37356, 49807, 62259];

impl Graph {
    /// A graph of 2^scale nodes by the recursive matrix model: D. Chakrabarti, Y. Zhan and C. Faloutsos, "R-MAT: a
    /// recursive model for graph mining", SIAM Data Mining 2004. Degrees have a heavy tail. The nodes are not renumbered
    /// afterwards, as Graph 500 does, so that the nodes of high degree have low numbers and lie together.
    pub fn rmat(scale: u32, rng: &mut Rng) -> Self {
        let nodes = 1usize << scale;
        let edges = (0..EDGE_FACTOR * nodes).map(|_| rmat_edge(scale, rng)).collect();
        Graph { nodes, edges, names: vec![] }
    }

    /// Reads a CSV file whose first two columns name the nodes that an edge comes from and leads to. Its first line has the
    /// columns' names.
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = csv::Reader::from_path(path)?;
        let (mut numbers, mut names, mut edges) = (HashMap::new(), vec![], vec![]);
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, |position| position.line());
            let mut node = |column: usize| {
                let name = record.get(column).with_context(|| format!("line {line}: an edge needs two columns"))?;
                let next = names.len() as u32;
                anyhow::Ok(*numbers.entry(name.to_string()).or_insert_with(|| {
                    names.push(name.to_string());
                    next
                }))
            };
            edges.push((node(0)?, node(1)?));
        }
        if edges.is_empty() {
            bail!("it has no edges");
        }
        Ok(Graph { nodes: names.len(), edges, names })
    }

    /// How many edges leave each node.
    pub fn leaving(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.nodes];
        for &(from, _) in &self.edges {
            degrees[from as usize] += 1;
        }
        degrees
    }
}

fn rmat_edge(scale: u32, rng: &mut Rng) -> (u32, u32) {
    let (mut from, mut to) = (0, 0);
    let mut left = 0;
    let mut bits = 0;
    for _ in 0..scale {
        if left == 0 {
            (bits, left) = (rng.u64(..), 4);
        }
        let draw = bits as u16;
        (bits, left) = (bits >> 16, left - 1);
        // Without branches, which would be mispredicted half of the time.
        let [a, b, c] = QUADRANTS.map(|limit| u32::from(draw >= limit));
        from = 2 * from + b;
        to = 2 * to + (a - b + c);
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrants_are_drawn_as_often_as_they_should_be() {
        let graph = Graph::rmat(13, &mut Rng::with_seed(1));
        assert_eq!((graph.nodes, graph.edges.len()), (8192, 8192 * 16));
        // At every level: the bit of the beginning and the bit of the end.
        for level in 0..13 {
            let mut counts = [0u32; 4];
            for &(from, to) in &graph.edges {
                counts[(2 * (from >> level & 1) + (to >> level & 1)) as usize] += 1;
            }
            for (count, share) in counts.into_iter().zip([0.57, 0.19, 0.19, 0.05]) {
                let all = graph.edges.len() as f64;
                // Five standard deviations of a binomial distribution.
                let bound = 5.0 * (all * share * (1.0 - share)).sqrt();
                assert!((f64::from(count) - all * share).abs() <= bound, "level {level}: {counts:?}");
            }
        }
        let degrees = graph.leaving();
        assert!(degrees[0] > 300 && degrees.iter().filter(|&&d| d == 0).count() > 500, "{}", degrees[0]);
    }

    #[test]
    fn a_file_names_its_nodes() {
        let path = std::env::temp_dir().join(format!("vksvm-graph-{}.csv", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Graph::read(&path)
        };
        let graph = read("from,to,count\nA,B,3\n\"C, D\",A,1\nA,B,2\n").unwrap();
        assert_eq!(graph.names, ["A", "B", "C, D"]);
        assert_eq!(graph.edges, [(0, 1), (2, 0), (0, 1)]);
        assert_eq!(graph.leaving(), [2, 0, 1]);
        assert!(read("from,to\n").err().unwrap().to_string().contains("no edges"));
        assert!(read("from\nA\n").err().unwrap().to_string().contains("line 2"), "one column");
        assert!(read("from,to\nA,B\nC\n").is_err(), "a short line");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_flights_are_there() {
        let graph = Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights.csv")).unwrap();
        assert_eq!((graph.nodes, graph.edges.len()), (305, 5366));
    }
}
