//! What the Vulkan queue records is what it was handed, each submission followed by the barrier for the host (rule 2 of ARCHITECTURE.md).

use crate::kernels;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use vksvm::{
    Placement, Result, Svm,
    seam::{AccessFlags, Batch, Call, Command, Failures, PipelineStageFlags, QueueDevice},
};

/// Hands everything on and keeps what a correct queue records for it.
struct Tap {
    real: Arc<dyn QueueDevice>,
    expected: Arc<Mutex<Vec<Command>>>,
}

fn barrier(to: PipelineStageFlags, target: AccessFlags) -> Command {
    Command::Barrier { from: PipelineStageFlags::COMPUTE_SHADER, to, source: AccessFlags::SHADER_WRITE, target }
}

impl QueueDevice for Tap {
    fn submit(&self, batches: &[Batch<'_>], reached: u64) -> Result<()> {
        {
            let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
            for batch in batches {
                expected.push(Command::Begin);
                for step in batch.steps {
                    if step.barrier {
                        let access = AccessFlags::SHADER_READ | AccessFlags::SHADER_WRITE;
                        expected.push(barrier(PipelineStageFlags::COMPUTE_SHADER, access));
                    }
                    expected.push(Command::Dispatch { groups: step.dispatch.groups });
                }
                let access = AccessFlags::HOST_READ | AccessFlags::HOST_WRITE;
                expected.push(barrier(PipelineStageFlags::HOST, access));
                expected.push(Command::End);
            }
        }
        self.real.submit(batches, reached)
    }
    fn counter(&self) -> Result<u64> {
        self.real.counter()
    }
    fn wait(&self, point: u64, timeout: Duration) -> Result<bool> {
        self.real.wait(point, timeout)
    }
    fn quiesce(&self) {
        self.real.quiesce();
    }
}

pub fn the_vulkan_queue_records_the_plan() {
    let failures = Failures::new();
    let expected = Arc::new(Mutex::new(vec![]));
    let keep = expected.clone();
    let wrap = move |real| -> Arc<dyn QueueDevice> { Arc::new(Tap { real, expected: keep.clone() }) };
    let builder = Svm::builder()
        .placement(Placement::Unified)
        .heap_size(64 << 20)
        .group(8)
        .failures(&failures)
        .wrap_queue(Arc::new(wrap));
    let svm = builder.open().expect("open");
    let probe = failures.commands().len();
    let (add, fill) = (kernels::add(&svm), kernels::fill(&svm));
    let (mut a, mut b) = (svm.vec([0; 100]), svm.vec([0; 100]));
    svm.scope(|s| {
        let (mut a, mut b) = (s.lend(&mut a), s.lend(&mut b));
        for i in 0..50 {
            fill.launch(100u32, kernels::Fill { to: a.write(), n: 100, first: i })?;
            add.timed().launch(100u32, kernels::Add { x: a.read(), y: b.update(), n: 100 })?;
            add.launch([100u32, 1, 1], kernels::Add { x: a.read(), y: b.update(), n: 100 })?;
            if i % 7 == 0 {
                assert_eq!(b.host()?[1], 2 * (1..=i + 1).sum::<u32>());
            }
        }
        Ok(())
    })
    .expect("scope");
    let recorded = failures.commands().split_off(probe);
    let expected = expected.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let dispatches = |of: &[Command]| of.iter().filter(|c| matches!(c, Command::Dispatch { .. })).count();
    assert_eq!(dispatches(&expected), 150);
    assert_eq!(recorded, expected);
    assert!(failures.seen(Call::QueueSubmit) > 0);
}
