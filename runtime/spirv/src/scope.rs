//! What is known at a point of the tree of dominators: facts hold in the block where they were noted and in those that
//! it dominates.

use rustc_hash::FxHashMap as HashMap;
use std::hash::Hash;

/// Facts by key, while the tree is walked from the root down, one path at a time.
#[derive(Debug)]
pub(crate) struct Scope<K, F> {
    /// The depth of the block that a fact was noted for, and the fact.
    facts: HashMap<K, (u32, F)>,
    /// By depth: what was noted there, and the fact that it replaced.
    noted: Vec<Vec<Note<K, F>>>,
}

/// A key, and the depth and fact that it had before.
type Note<K, F> = (K, Option<(u32, F)>);

impl<K: Copy + Eq + Hash, F: Copy> Scope<K, F> {
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
    pub fn get(&self, key: K, depth: u32) -> Option<F> {
        self.facts.get(&key).filter(|(noted, _)| *noted <= depth).map(|(_, fact)| *fact)
    }

    /// Notes a fact for the block at `depth` on the current path.
    pub fn set(&mut self, key: K, depth: u32, fact: F) {
        let before = self.facts.insert(key, (depth, fact));
        self.noted[depth as usize].push((key, before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Act {
        Enter {
            up: u32,
        },
        /// Notes a fact `up` blocks above the current one.
        Set {
            key: u8,
            up: u32,
        },
    }

    fn act() -> impl Strategy<Value = Act> {
        let enter = (0u32..4).prop_map(|up| Act::Enter { up });
        prop_oneof![enter, (0u8..4, 0u32..4).prop_map(|(key, up)| Act::Set { key, up })]
    }

    proptest! {
        /// Against a plain stack of maps. As lowering does, a fact is noted only where none holds yet.
        #[test]
        fn facts_hold_below_where_they_were_noted(acts in prop::collection::vec(act(), 0..200)) {
            let mut scope = Scope::new();
            let mut path: Vec<HashMap<u8, u32>> = vec![HashMap::default()];
            scope.enter(0);
            for (n, act) in (0u32..).zip(acts) {
                match act {
                    Act::Enter { up } => {
                        path.truncate(path.len().saturating_sub(up as usize).max(1));
                        path.push(HashMap::default());
                        scope.enter(path.len() as u32 - 1);
                    }
                    Act::Set { key, up } => {
                        let depth = (path.len() as u32 - 1).saturating_sub(up);
                        if scope.get(key, depth).is_none() {
                            scope.set(key, depth, n);
                            path[depth as usize].insert(key, n);
                            // What is noted deeper gives way.
                            path[depth as usize + 1..].iter_mut().for_each(|below| { below.remove(&key); });
                        }
                    }
                }
                for key in 0..4 {
                    for depth in 0..path.len() {
                        let model = path[..=depth].iter().rev().find_map(|facts| facts.get(&key).copied());
                        prop_assert_eq!(scope.get(key, depth as u32), model);
                    }
                }
            }
        }
    }
}
