//! When copies run: beside launches or after them, and what says that each sees what the other wrote.

use super::{
    copies::two_chunks,
    pages::{Kernels, Pages, copy_in, copy_out, opened},
};
use crate::harness::{Ignored, needs_cpu_device, tests};
use std::{sync::mpsc, thread, time::Duration};
use vksvm::{
    PAGE,
    seam::{AccessFlags, Command, Failures, Opened, PipelineStageFlags, Way},
};

tests![
    mapped_copies_do_not_wait_for_launches,
    staged_copies_behind_a_launch_end_when_it_does,
    submissions_wait_for_what_they_must_see,
];

/// Copies while a kernel runs, which another copy, mapped, ends.
fn mapped_copies_do_not_wait_for_launches() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let opened = opened();
    let kernels = Kernels::load(&opened).expect("kernels");
    let memory = two_chunks(&opened, Way::Mapped);
    let (closed, mut host) = (Pages::new(1), Pages::noise(3, 4));
    copy_in(&memory, &closed, &[(0, 0, 1), (0, 1, 1)]).expect("in");
    let running = kernels.gate(memory.address(0), memory.address(1)).expect("launch");
    copy_in(&memory, &host, &[(0, 40, 2)]).expect("in");
    copy_out(&memory, &mut host, &[(2, 41, 1)]).expect("out");
    assert!(host.page(2) == host.page(1));
    // A gate that ran into its own end does not count; so one that does was open, here, before it ended.
    let mut open = Pages::new(1);
    open.words()[0] = 1;
    copy_in(&memory, &open, &[(0, 0, 1)]).expect("in");
    kernels.wait(running).expect("wait");
    copy_out(&memory, &mut host, &[(0, 1, 1)]).expect("out");
    assert_eq!(host.words()[0], 1, "the copies waited for the kernel");
    Ok(())
}

/// With one queue a staged copy may have to wait for a kernel. It must not keep others from ending that, nor from launching.
fn staged_copies_behind_a_launch_end_when_it_does() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let opened = opened();
    let kernels = Kernels::load(&opened).expect("kernels");
    let (gate, memory) = (two_chunks(&opened, Way::Mapped), two_chunks(&opened, Way::Staged));
    let closed = Pages::new(1);
    copy_in(&gate, &closed, &[(0, 0, 1), (0, 1, 1)]).expect("in");
    let seeded = Pages::noise(400, 6);
    copy_in(&memory, &seeded, &[(0, 100, 400)]).expect("in");
    let running = kernels.gate(gate.address(0), gate.address(1)).expect("launch");
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for thread in 0..3u32 {
            let (memory, seeded, tell) = (&memory, &seeded, tell.clone());
            scope.spawn(move || {
                let pages = 100;
                let first = thread * pages;
                let mut back = Pages::new(pages as usize);
                copy_out(memory, &mut back, &[(0, 100 + first, pages)]).expect("out");
                assert!((0..100).all(|page| back.page(page) == seeded.page(first as usize + page)));
                copy_in(memory, &back, &[(0, 600 + first, pages)]).expect("in");
                tell.send(thread).expect("the test waits");
            });
        }
        drop(tell);
        // Launching works while copies wait.
        let next = kernels.fill(memory.address(50), 64, 5).expect("launch");
        if !opened.has_copy_queue() {
            // Nothing says that a device could not do better; this one does one thing after the other.
            assert!(told.try_recv().is_err(), "a staged copy ended before the launch that it stood behind");
        }
        let mut open = Pages::new(1);
        open.words()[0] = 1;
        copy_in(&gate, &open, &[(0, 0, 1)]).expect("in");
        kernels.wait(running).expect("wait");
        for _ in 0..3 {
            told.recv_timeout(Duration::from_secs(60)).expect("a copy hangs although the launch has ended");
        }
        kernels.wait(next).expect("wait");
    });
    let mut back = Pages::new(300);
    copy_out(&memory, &mut back, &[(0, 600, 300)]).expect("out");
    assert!(back.bytes() == &seeded.bytes()[..300 * PAGE]);
    Ok(())
}

/// The recorded plan: what orders copies and launches.
fn submissions_wait_for_what_they_must_see() {
    let failures = Failures::new();
    let opened = Opened::with(&failures).expect("open");
    let kernels = Kernels::load(&opened).expect("kernels");
    let memory = two_chunks(&opened, Way::Staged);
    let mut host = Pages::noise(4, 8);
    let mut seen = 0;
    let mut recorded = || {
        let all = failures.commands();
        let new = all[seen..].to_vec();
        seen = all.len();
        new
    };
    let copy = |to_device, regions, pages| Command::CopyBuffer { to_device, regions, bytes: pages * PAGE as u64 };
    let shaders_to_host = Command::Barrier {
        from: PipelineStageFlags::COMPUTE_SHADER,
        to: PipelineStageFlags::HOST,
        source: AccessFlags::SHADER_WRITE,
        target: AccessFlags::HOST_READ | AccessFlags::HOST_WRITE,
    };
    let copies_to_host = Command::Barrier {
        from: PipelineStageFlags::TRANSFER,
        to: PipelineStageFlags::HOST,
        source: AccessFlags::TRANSFER_WRITE,
        target: AccessFlags::HOST_READ | AccessFlags::HOST_WRITE,
    };
    let (copies, shaders) = (
        Command::Await { before: PipelineStageFlags::TRANSFER },
        Command::Await { before: PipelineStageFlags::COMPUTE_SHADER },
    );
    recorded();
    // The first one has nothing to wait for. Chunks are copied to one by one.
    copy_in(&memory, &host, &[(0, 3, 1), (1, 9, 1), (2, 1030, 1)]).expect("in");
    assert_eq!(recorded(), [Command::Begin, copy(true, 2, 2), copy(true, 1, 1), Command::End]);
    let fill = |slot| kernels.fill(memory.address(slot), 64, 1).and_then(|point| kernels.wait(point)).expect("launch");
    let dispatch = Command::Dispatch { groups: [1, 1, 1] };
    let launch = [Command::Begin, dispatch, shaders_to_host, Command::End];
    fill(3);
    let (plan, awaited) = (recorded(), [&launch[..], &[shaders]].concat());
    assert_eq!(plan, awaited, "a launch after a copy in");
    fill(9);
    let between = Command::Barrier {
        from: PipelineStageFlags::COMPUTE_SHADER,
        to: PipelineStageFlags::COMPUTE_SHADER,
        source: AccessFlags::SHADER_WRITE,
        target: AccessFlags::SHADER_READ | AccessFlags::SHADER_WRITE,
    };
    let plan = recorded();
    assert_eq!(plan, [Command::Begin, between, dispatch, shaders_to_host, Command::End], "a launch after a launch");
    copy_out(&memory, &mut host, &[(0, 3, 1)]).expect("out");
    let out = [Command::Begin, copy(false, 1, 1), copies_to_host, Command::End, copies];
    assert_eq!(recorded(), out, "a copy after launches");
    copy_out(&memory, &mut host, &[(0, 3, 1)]).expect("out");
    assert_eq!(recorded(), out, "a copy after a copy");
    fill(3);
    assert_eq!(recorded().last(), Some(&shaders), "a launch after copies out, which it may overwrite");
}
