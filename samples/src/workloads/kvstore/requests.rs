//! What is asked of the store.

use super::SHARDS;
use crate::workloads::zipf::Zipf;
use fastrand::Rng;

/// Sizes that follow from the number of keys.
pub struct Plan {
    /// Keys that the store has from the start: 1 to this. Requests add more.
    pub keys: usize,
    /// Slots of a shard's table, a power of two: with all keys at least a third are free.
    pub slots: usize,
    /// Requests in all.
    pub requests: usize,
    /// Requests of a shard that start its launches.
    pub batch: usize,
    /// Keys of a shard. The last has those that are added too.
    each: usize,
}

/// Keys by the number of requests: a put or a get of a key that is there, or a put of a new one.
pub struct Request {
    pub key: u32,
    /// The value to put; a get has none.
    pub put: Option<u32>,
}

/// One request in eight is a put, and every other of these adds a key.
const PUT: usize = 8;
const ADD: usize = 2 * PUT;

/// The skew of the workloads of the Yahoo! Cloud Serving Benchmark: B. Cooper et al., "Benchmarking cloud serving systems
/// with YCSB", SoCC 2010. As in its workload D, the newest keys are asked for the most.
const EXPONENT: f64 = 0.99;

impl Plan {
    /// `keys` is [`SHARDS`] at least.
    pub fn of(keys: usize) -> Self {
        let (each, requests) = (keys.div_ceil(SHARDS).max(1), keys / 4);
        // Half full, before keys are added: to the last shard, at most a quarter of what it had.
        let slots = (2 * each).next_power_of_two();
        Plan { keys, slots, requests, batch: (requests / 256).clamp(16, super::shard::MOST), each }
    }

    /// The shard that a key is in: keys are numbered as they are added, so that new ones lie together.
    pub fn shard(&self, key: u32) -> usize {
        ((key as usize - 1) / self.each).min(SHARDS - 1)
    }

    /// The value that a key has at the start: any number but 0 does.
    pub fn first_value(&self, key: u32) -> u32 {
        key.wrapping_mul(0x9e37_79b9) | 1
    }

    pub fn keys_in_the_end(&self) -> usize {
        self.keys + self.requests / ADD
    }
}

/// The stream of requests.
pub fn requests(plan: &Plan, rng: &mut Rng) -> Vec<Request> {
    let (zipf, mut newest) = (Zipf::new(plan.keys as u32, EXPONENT), plan.keys as u32);
    let request = |i: usize| {
        if i % ADD == ADD - 1 {
            newest += 1;
            return Request { key: newest, put: Some(rng.u32(1..)) };
        }
        let put = (i % PUT == PUT - 1).then(|| rng.u32(1..));
        Request { key: newest + 1 - zipf.draw(rng), put }
    };
    (0..plan.requests).map(request).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_shard_gets_most_requests_and_tables_have_room() {
        for keys in [16, 100, 4096, 1 << 18] {
            let plan = Plan::of(keys);
            let requests = requests(&plan, &mut Rng::with_seed(1));
            assert_eq!(requests.len(), plan.requests);
            assert!(requests.iter().all(|r| (1..=plan.keys_in_the_end() as u32).contains(&r.key) && r.put != Some(0)));
            let mut held = [0; SHARDS];
            (1..=plan.keys_in_the_end()).for_each(|key| held[plan.shard(key as u32)] += 1);
            assert!(held.iter().all(|&keys| 3 * keys <= 2 * plan.slots), "{keys}: {held:?} of {}", plan.slots);
        }
        let plan = Plan::of(1 << 18);
        let requests = requests(&plan, &mut Rng::with_seed(1));
        let mut asked = [0; SHARDS];
        requests.iter().for_each(|request| asked[plan.shard(request.key)] += 1);
        assert!(asked[SHARDS - 1] > plan.requests / 2 && asked[0] < plan.requests / 50, "{asked:?}");
        let puts = requests.iter().filter(|request| request.put.is_some()).count();
        assert_eq!(puts, plan.requests / PUT);
    }
}
