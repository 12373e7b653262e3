//! Scopes and lent slices.
//!
//! # Safety
//! The list that `launch_reaching` walks lies in a slice that the launch's reach names.
#![allow(unsafe_code)]

use super::gate::Gate;
use crate::{
    harness::{Ignored, needs_cpu_device, open, tests},
    kernels::{self, Add, Fill, Node, Three, Walk},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};
use vksvm::{Kernel, Launch, Lent, Ptr, Reach, Result, Running, Svm, SvmBox, SvmBuilder, SvmVec};

tests![
    launches_in_a_scope,
    a_panic_in_a_scope_waits_first,
    an_error_in_a_scope_waits_first,
    forgetting_everything_is_harmless,
    outer_token_in_inner_scope_and_relending,
    own_error_type_and_early_return,
    shared_slices_run_in_issue_order,
    the_program_reads_on_while_a_launch_reads,
    parts_of_a_slice_run_side_by_side,
    empty_slices,
    reach_follows_pointers,
    threads_share_an_svm,
    threads_have_svms_of_their_own,
    an_svm_dropped_with_launches_in_flight,
    counters,
];

const fn send_sync<T: Send + Sync>() {}
const _: () = {
    send_sync::<Svm>();
    send_sync::<SvmBuilder>();
    send_sync::<Kernel<Add<'static>>>();
    send_sync::<SvmVec<u32>>();
    send_sync::<SvmBox<u32>>();
    send_sync::<Lent<'static, u32>>();
    send_sync::<Launch>();
    send_sync::<Add<'static>>();
    send_sync::<Ptr<Node>>();
};
const fn send<T: Send>() {}
const _: () = send::<Running<SvmVec<u32>>>();

fn setup() -> (Svm, Kernel<Add<'static>>, SvmVec<u32>, SvmVec<u32>) {
    let svm = open();
    let add = kernels::add(&svm);
    let (x, y) = (svm.vec([1, 2, 3]), svm.vec([0, 0, 0]));
    (svm, add, x, y)
}

fn launches_in_a_scope() {
    let (svm, add, x, mut y) = setup();
    let n = svm
        .scope(|s| {
            let launch = add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })?;
            launch.wait()?;
            Ok(3)
        })
        .expect("scope");
    assert_eq!((n, &y[..]), (3, &[1, 2, 3][..]));
    assert_eq!(add.name(), "main");
    assert_eq!(add.local_size(), [64, 1, 1]);
    // Elements that a launch does not write keep their value.
    svm.scope(|s| kernels::fill(&svm).launch(1u32, Fill { to: s.write(&mut y[1..]), n: 1, first: 9 })).expect("scope");
    assert_eq!(y[..], [1, 9, 3]);
}

/// While the launch is held, the scope must not be left.
fn a_panic_in_a_scope_waits_first() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, x, mut y) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    let result = thread::scope(|t| {
        let opener = gate.opener();
        let scope = t.spawn(|| {
            catch_unwind(AssertUnwindSafe(|| {
                svm.scope(|s| -> Result<()> {
                    gate.launch(&kernel, s.update(&mut passed))?;
                    add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })?;
                    panic!("the program's own")
                })
            }))
        });
        // It may not have come to the panic yet; it must not end before the gate is open either way.
        for _ in 0..1000 {
            assert!(!scope.is_finished());
            thread::yield_now();
        }
        drop(opener);
        scope.join().expect("caught inside")
    });
    assert!(result.is_err());
    assert_eq!((passed[0], &y[..]), (1, &[1, 2, 3][..]));
    Ok(())
}

fn an_error_in_a_scope_waits_first() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, x, mut y) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    let result = thread::scope(|t| {
        let scope = t.spawn(|| {
            svm.scope(|s| {
                gate.launch(&kernel, s.update(&mut passed))?;
                add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })?;
                // Longer than what it has.
                add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut []), n: 3 })?;
                Ok(())
            })
        });
        for _ in 0..1000 {
            assert!(!scope.is_finished());
            thread::yield_now();
        }
        gate.open();
        scope.join().expect("no panic")
    });
    crate::variants::refused_saying(result, "ShortSlice", &["'y' has 0 elements", "needs 3"]);
    assert_eq!((passed[0], &y[..]), (1, &[1, 2, 3][..]));
    Ok(())
}

fn forgetting_everything_is_harmless() {
    let (svm, add, x, mut y) = setup();
    svm.scope(|s| {
        let mut lent = s.lend(&mut y);
        std::mem::forget(add.launch(3u32, Add { x: s.read(&x), y: lent.update(), n: 3 })?);
        #[allow(clippy::forget_non_drop, reason = "that there is no drop to rely on is what is tested")]
        std::mem::forget(lent);
        Ok(())
    })
    .expect("scope");
    assert_eq!(y[..], [1, 2, 3]);
    let running = add.launch_owned(3u32, (x, y), |s, (x, y)| Add { x: s.read(x), y: s.update(y), n: 3 });
    std::mem::forget(running.expect("launch"));
    svm.wait_idle().expect("idle");
    assert_eq!(svm.stats().live_allocations, 2, "forgotten with their launch");
}

fn outer_token_in_inner_scope_and_relending() {
    let (svm, add, x, mut y) = setup();
    svm.scope(|a| {
        let mut y = a.lend(&mut y);
        svm.scope(|b| add.launch(3u32, Add { x: b.read(&x), y: y.update(), n: 3 }))?;
        svm.scope(|b| {
            let mut z = b.lend(y.host_mut()?);
            add.launch(3u32, Add { x: b.read(&x), y: z.update(), n: 3 })?;
            assert_eq!(z.host()?, [2, 4, 6]);
            Ok(())
        })?;
        assert_eq!(y.host()?, [2, 4, 6]);
        Ok(())
    })
    .expect("scope");
}

fn own_error_type_and_early_return() {
    let (svm, add, x, mut y) = setup();
    let result: Result<(), Box<dyn std::error::Error>> = svm.try_scope(|s| {
        add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })?;
        "x".parse::<u32>()?;
        Ok(())
    });
    assert!(result.is_err());
    assert_eq!(y[..], [1, 2, 3]);
}

/// Reads and writes of shared slices against the same done by the program.
fn shared_slices_run_in_issue_order() {
    let svm = open();
    let (fill, three) = (kernels::fill(&svm), kernels::three(&svm));
    const N: usize = 300;
    let mut slices: [SvmVec<u32>; 3] = [0, 1, 2].map(|i| svm.vec((0..N as u32).map(|j| i + j)));
    let mut model: [Vec<u32>; 3] = [0, 1, 2].map(|i| slices[i].to_vec());
    let mut rng = fastrand::Rng::with_seed(7);
    let [a, b, c] = &mut slices;
    svm.scope(|s| {
        let mut lent = [s.lend(a), s.lend(b), s.lend(c)];
        for _ in 0..500 {
            let at = rng.usize(0..3);
            let [x, y, z] = [at, (at + 1) % 3, (at + 2) % 3];
            let n = rng.usize(1..=N);
            match rng.u32(0..8) {
                0 => {
                    fill.launch(n, Fill { to: lent[x].write(), n: n as u32, first: n as u32 })?;
                    (0..n).for_each(|i| model[x][i] = (n + i) as u32);
                }
                1 => assert_eq!(lent[x].host()?, model[x]),
                2 => {
                    lent[x].host_mut()?[0] = n as u32;
                    model[x][0] = n as u32;
                }
                _ => {
                    let [to, a, b] = lent.get_disjoint_mut([x, y, z]).expect("three of three");
                    three.launch(n, Three { a: a.read(), b: b.read(), to: to.update(), n: n as u32 })?;
                    let [to, a, b] = model.get_disjoint_mut([x, y, z]).expect("three of three");
                    for (to, (a, b)) in to.iter_mut().zip(a.iter().zip(b.iter())).take(n) {
                        *to = to.wrapping_add(a.wrapping_mul(*b));
                    }
                }
            }
        }
        Ok(())
    })
    .expect("scope");
    assert_eq!(slices.map(|v| v.to_vec()), model);
}

fn the_program_reads_on_while_a_launch_reads() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, x, mut y) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    svm.scope(|s| {
        let opener = gate.opener();
        let launch = gate.launch(&kernel, s.update(&mut passed))?;
        let mut y = s.lend(&mut y);
        add.launch(3u32, Add { x: s.read(&x), y: y.update(), n: 3 })?;
        assert!(!launch.is_done());
        assert_eq!(x.iter().sum::<u32>(), 6);
        drop(opener);
        assert_eq!(y.host()?, [1, 2, 3]);
        Ok(())
    })
    .expect("scope");
    Ok(())
}

fn parts_of_a_slice_run_side_by_side() {
    let svm = open();
    let (fill, mut v) = (kernels::fill(&svm), svm.zeroed::<u32>(1000));
    svm.scope(|s| {
        for (i, part) in v.chunks_mut(7).enumerate() {
            let n = part.len() as u32;
            fill.launch(n, Fill { to: s.write(part), n, first: 7 * i as u32 })?;
        }
        Ok(())
    })
    .expect("scope");
    assert!(v.iter().copied().eq(0..1000));
}

fn empty_slices() {
    let (svm, add, x, mut y) = setup();
    svm.scope(|s| {
        let (front, back) = y.split_at_mut(3);
        // Of no memory at all, and of the heap's.
        add.launch(1u32, Add { x: s.read(&[]), y: s.update(&mut []), n: 0 })?;
        add.launch(1u32, Add { x: s.read(&x[3..]), y: s.update(&mut front[..0]), n: 0 })?;
        let mut none = s.lend(back);
        assert!(none.is_empty());
        add.launch(1u32, Add { x: s.read(&x), y: none.update(), n: 0 })?;
        assert_eq!(none.host()?, [0; 0]);
        Ok(())
    })
    .expect("scope");
    assert_eq!(y[..], [0, 0, 0]);
    let empty: SvmVec<u32> = svm.vec([]);
    let (empty, _) = add
        .launch_owned(1u32, (empty, svm.vec([0u32; 0])), |s, (x, y)| Add { x: s.read(x), y: s.update(y), n: 0 })
        .and_then(Running::wait)
        .expect("owned");
    assert!(empty.is_empty());
}

fn reach_follows_pointers() {
    let svm = open();
    let walk = kernels::walk(&svm);
    let mut nodes: SvmVec<Node> = svm.vec((0..100).map(|value| Node { value, ..Node::default() }));
    // Every node points at the one 37 further on, which goes through all of them.
    for i in 0..99 {
        let next = Ptr::to(&nodes[(i + 1) * 37 % 100]);
        nodes[i * 37 % 100].next = next;
    }
    let mut total = svm.vec([0u32]);
    svm.scope(|s| {
        let head = Ptr::to(&nodes[0]);
        let mut nodes = s.lend(&mut nodes);
        let mut total = s.lend(&mut total);
        for round in 0..3 {
            let reach = Reach::new().update(nodes.update());
            let args = Walk { head, total: total.write(), most: 1000, reach };
            // SAFETY: all nodes lie in the slice of the reach.
            unsafe { walk.launch_reaching(1u32, args) }?;
            assert_eq!(total.host()?, [4950 << round], "all nodes, each once");
        }
        assert_eq!(nodes.host()?[10].value, 80);
        Ok(())
    })
    .expect("scope");
}

fn threads_share_an_svm() {
    let svm = open();
    let (add, ones) = (kernels::add(&svm), svm.vec([1u32; 256]));
    thread::scope(|t| {
        for first in 0..4u32 {
            let (svm, add, ones) = (&svm, add.clone(), &ones);
            t.spawn(move || {
                let mut y = svm.vec([first; 256]);
                for round in 0..20 {
                    svm.scope(|s| {
                        let mut y = s.lend(&mut y);
                        for _ in 0..5 {
                            add.launch(256u32, Add { x: s.read(ones), y: y.update(), n: 256 })?;
                        }
                        assert_eq!(y.host()?, [first + 5 * (round + 1); 256]);
                        Ok(())
                    })
                    .expect("scope");
                }
            });
        }
    });
    assert_eq!(svm.stats().launches, 400);
}

fn threads_have_svms_of_their_own() {
    thread::scope(|t| {
        for first in 0..3u32 {
            t.spawn(move || {
                let (svm, add, x, mut y) = setup();
                for round in 1..=10u32 {
                    svm.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })).expect("scope");
                    assert_eq!(y[..], [round, 2 * round, 3 * round], "thread {first}");
                }
            });
        }
    });
}

fn an_svm_dropped_with_launches_in_flight() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = open();
    let (kernel, fill) = (kernels::gate(&svm), kernels::fill(&svm));
    let (gate, mut passed) = (Gate::new(&svm), svm.vec([0]));
    let opener = gate.opener();
    let (running, v) = svm
        .scope(|s| {
            gate.launch(&kernel, s.update(&mut passed))?;
            let fill_it =
                |v: SvmVec<u32>| fill.launch_owned(1000u32, v, |s, v| Fill { to: s.write(v), n: 1000, first: 5 });
            let running = fill_it(svm.zeroed(1000))?;
            // This one is dropped while it waits behind the gate; its buffer is freed after it.
            drop(fill_it(svm.zeroed(1000))?);
            drop(opener);
            Ok((running, svm.vec([1u32])))
        })
        .expect("scope");
    // The handles go first; launch, vector and gate keep the heap.
    drop((fill, kernel, svm));
    assert_eq!(running.wait().expect("owned")[999], 1004);
    assert_eq!(v[..], [1]);
    drop(gate);
    Ok(())
}

fn counters() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, x, mut y) = setup();
    assert_eq!((svm.stats().launches, svm.stats().launches_in_flight), (0, 0));
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        for part in y.chunks_mut(1) {
            add.launch(1u32, Add { x: s.read(&x), y: s.update(part), n: 1 })?;
        }
        let stats = svm.stats();
        assert_eq!((stats.launches, stats.launches_in_flight), (4, 4));
        drop(opener);
        Ok(())
    })
    .expect("scope");
    svm.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })).expect("scope");
    let stats = svm.stats();
    assert_eq!((stats.launches, stats.slow_launches), (5, 0));
    // The gate's word, `passed`, x and y.
    assert_eq!(stats.live_allocations, 4, "{stats:?}");
    assert!((32..128).contains(&stats.live_bytes), "{stats:?}");
    Ok(())
}
