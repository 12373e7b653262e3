//! A key-value store in shards, of which a few get most requests: they are gathered by shard, and a shard's launches start
//! when enough of its requests wait.

mod requests;
mod shard;

use super::{Job, Meter, Outcome, Workload, advice::keep_first, grouped};
use crate::types::Pair;
use anyhow::Result;
use requests::{Plan, Request, requests};
use shard::{Kernels, Shard, Table};
use vksvm::{In, InOut, KernelArgs, Svm};

pub const WORKLOAD: Workload = Workload {
    name: "kvstore",
    about: "a key-value store in shards; new keys, which lie together, get most requests",
    unit: "keys",
    sizes: [Some(1 << 18), Some(1 << 21), Some(1 << 24)],
    input: None,
    working_set: Some(|keys| {
        let plan = Plan::of(keys.min(MOST_KEYS) as usize);
        (SHARDS * (plan.slots * size_of::<Pair>() + shard::DESK)) as u64
    }),
    run,
};

#[derive(KernelArgs)]
struct Get<'a> {
    #[len(slots)]
    table: In<'a, Pair>,
    #[len(n)]
    wanted: InOut<'a, Pair>,
    slots: u32,
    n: u32,
}

#[derive(KernelArgs)]
struct Put<'a> {
    #[len(slots)]
    table: InOut<'a, Pair>,
    #[len(n)]
    pair: In<'a, Pair>,
    #[len(1)]
    refused: InOut<'a, u32>,
    slots: u32,
    n: u32,
}

const SHARDS: usize = 16;

/// The most keys: they, and those that requests add, have 32 bits, and so have a shard's slots.
const MOST_KEYS: u64 = 1 << 28;

fn run(job: &Job) -> Result<Outcome> {
    let plan = Plan::of(job.size_up_to(MOST_KEYS)?.max(SHARDS));
    job.step("filling the tables");
    let mut tables = fill(job.svm, &plan)?;
    let requests = requests(&plan, &mut job.rng(0));
    let kernels = Kernels::load(job.svm)?;
    tables.iter().enumerate().for_each(|(number, table)| table.name(job.svm, number));
    if let Some(svm) = job.hints() {
        // The newer a shard's keys, the more requests it gets.
        keep_first(svm, tables.iter().rev().map(|table| [table.slots[..].into()]), SHARDS * shard::DESK)?;
    }

    job.step("serving requests on the device");
    let mut meter = Meter::start();
    let (answers, launches) = serve(job.svm, &kernels, &plan, &mut tables, &requests, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let tables: Vec<_> = tables.iter().map(|table| (&table.slots[..], table.refused[0])).collect();
    let check = check(&plan, &tables, &requests, &answers);
    let gets = requests.iter().filter(|request| request.put.is_none()).count();
    let most = launches.iter().max().copied().unwrap_or_default();
    let all: u64 = launches.iter().sum();
    let summary = format!(
        "{} gets, {} puts; {all} batches, {most} of them for one of {SHARDS} shards",
        grouped(gets as u64),
        grouped((requests.len() - gets) as u64)
    );
    Ok(Outcome { size: plan.keys as u64, measured, check, summary, picture: None })
}

/// The tables with the keys that the store has from the start; the CPU puts them in.
fn fill(svm: &Svm, plan: &Plan) -> Result<Vec<Table>> {
    let mut tables = (0..SHARDS).map(|_| Table::new(svm, plan)).collect::<vksvm::Result<Vec<_>>>()?;
    for key in 1..=plan.keys as u32 {
        tables[plan.shard(key)].insert(key, plan.first_value(key));
    }
    Ok(tables)
}

/// Has all requests served. Returns the answers, 0 for each put, and how many batches each shard had.
fn serve(
    svm: &Svm,
    kernels: &Kernels,
    plan: &Plan,
    tables: &mut [Table],
    requests: &[Request],
    meter: &mut Meter,
) -> Result<(Vec<u32>, Vec<u64>)> {
    let mut answers = vec![0; requests.len()];
    let batches = svm.try_scope(|s| {
        let mut shards: Vec<Shard> = tables.iter_mut().map(|table| Shard::lend(s, table)).collect();
        for (i, request) in requests.iter().enumerate() {
            let shard = &mut shards[plan.shard(request.key)];
            match request.put {
                None => shard.get(i, request.key, &mut answers),
                Some(value) => shard.put(request.key, value),
            }
            if shard.waiting() >= plan.batch {
                shard.launch(kernels, &mut answers, meter)?;
            }
        }
        for shard in &mut shards {
            shard.launch(kernels, &mut answers, meter)?;
        }
        shards.iter_mut().try_for_each(|shard| shard.collect(&mut answers))?;
        anyhow::Ok(shards.iter().map(|shard| shard.batches).collect())
    })?;
    Ok((answers, batches))
}

/// Replays the requests one by one on a plain array: every get must have had the value of the last put before it, and in
/// the end the tables must hold each key once, with its last value. A table's second part is how many pairs it refused.
fn check(plan: &Plan, tables: &[(&[Pair], u32)], requests: &[Request], answers: &[u32]) -> Result<(), String> {
    let mut values = vec![0; plan.keys_in_the_end() + 1];
    (1..=plan.keys).for_each(|key| values[key] = plan.first_value(key as u32));
    for (i, (request, &answer)) in requests.iter().zip(answers).enumerate() {
        let value = &mut values[request.key as usize];
        match request.put {
            Some(put) => *value = put,
            None if answer == *value => {}
            None => return Err(format!("request {i}: key {} has the value {answer}, should be {value}", request.key)),
        }
    }
    let mut found = vec![0u32; values.len()];
    for (number, &(slots, refused)) in tables.iter().enumerate() {
        if refused > 0 {
            return Err(format!("shard {number} refused {refused} pairs"));
        }
        for pair in slots.iter().filter(|pair| pair.key != 0) {
            match values.get(pair.key as usize) {
                Some(value) if *value == pair.value && plan.shard(pair.key) == number => found[pair.key as usize] += 1,
                Some(value) => {
                    return Err(format!(
                        "shard {number} holds {pair:?}; the value should be {value}, the shard its key's"
                    ));
                }
                None => return Err(format!("shard {number} holds {pair:?}, which nobody put there")),
            }
        }
    }
    let wrong = values.iter().zip(&found).skip(1).position(|(&value, &times)| times != u32::from(value != 0));
    wrong.map_or(Ok(()), |at| Err(format!("key {} is held {} times", at + 1, found[at + 1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_and_tables_are_found() {
        // A key a shard, and one more in the last.
        let plan = Plan::of(16);
        let first = |key| plan.first_value(key);
        let ask = |key, put| Request { key, put };
        let requests = [ask(3, None), ask(3, Some(7)), ask(3, None), ask(16, None)];
        let answers = [first(3), 0, 7, first(16)];
        let value = |key| if key == 3 { 7 } else { first(key) };
        let held: Vec<_> =
            (1..=16).map(|key| vec![Pair { key, value: value(key) }, Pair { key: 0, value: 0 }]).collect();
        let check = |held: &[Vec<Pair>], refused, answers: &[u32]| {
            let tables: Vec<_> = held.iter().map(|slots| (&slots[..], refused)).collect();
            super::check(&plan, &tables, &requests, answers)
        };
        assert_eq!(check(&held, 0, &answers), Ok(()));
        assert!(check(&held, 1, &answers).unwrap_err().contains("refused"));
        for (at, wrong) in [(0, 7), (2, first(3)), (3, 0)] {
            let mut answers = answers;
            answers[at] = wrong;
            assert!(check(&held, 0, &answers).unwrap_err().starts_with(&format!("request {at}:")));
        }
        let spoiled = |spoil: &dyn Fn(&mut [Vec<Pair>])| {
            let mut held = held.clone();
            spoil(&mut held);
            check(&held, 0, &answers).unwrap_err()
        };
        assert!(spoiled(&|held| held[2][0].value = first(3)).contains("should be 7"), "the put was lost");
        assert!(spoiled(&|held| held[4][0].key = 0).contains("key 5 is held 0 times"));
        assert!(spoiled(&|held| held[4][1] = held[4][0]).contains("key 5 is held 2 times"));
        assert!(spoiled(&|held| held.swap(4, 5)).contains("the shard its key's"));
        assert!(spoiled(&|held| held[4][1] = Pair { key: 99, value: 1 }).contains("nobody put there"));
    }
}
