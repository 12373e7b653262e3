//! What is known at a point of the tree of dominators: facts hold in the block where they were noted and in those that
//! it dominates.

use rustc_hash::FxHashMap as HashMap;
use std::hash::Hash;

/// Facts by key, while the tree is walked from the root down, one path at a time.
#[derive(Debug)]
pub(crate) struct Scope<K> {
    /// The depth of the block that a fact was noted for, and the fact.
    facts: HashMap<K, (u32, u32)>,
    /// By depth: what was noted there, and the fact that it replaced.
    noted: Vec<Vec<Note<K>>>,
}

/// A key, and the depth and fact that it had before.
type Note<K> = (K, Option<(u32, u32)>);

impl<K: Copy + Eq + Hash> Scope<K> {
    pub fn new() -> Self {
        Scope { facts: HashMap::default(), noted: vec![] }
    }

    /// Enters a block at this depth, and so leaves those of the path before that are as deep or deeper.
    pub fn enter(&mut self, depth: u32) {
        while self.noted.len() > depth as usize {
            let left = self.noted.len() as u32 - 1;
            for (key, before) in self.noted.pop().into_iter().flatten().rev() {
                if self.facts.get(&key).is_some_and(|(depth, _)| *depth == left) {
                    match before {
                        // What it replaced may have been noted deeper, on a path that has been left since.
                        Some(fact) if fact.0 < left => self.facts.insert(key, fact),
                        _ => self.facts.remove(&key),
                    };
                }
            }
        }
        self.noted.resize_with(depth as usize + 1, Vec::new);
    }

    /// The fact, if it holds at `depth` on the current path.
    pub fn get(&self, key: K, depth: u32) -> Option<u32> {
        self.facts.get(&key).filter(|(noted, _)| *noted <= depth).map(|(_, fact)| *fact)
    }

    /// Notes a fact for the block at `depth` on the current path.
    pub fn set(&mut self, key: K, depth: u32, fact: u32) {
        let before = self.facts.insert(key, (depth, fact));
        self.noted[depth as usize].push((key, before));
    }
}
