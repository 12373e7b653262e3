//! Launches that own their buffers.

use super::gate::Gate;
use crate::{
    harness::{Ignored, needs_cpu_device, open, tests},
    kernels::{self, Add},
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};
use vksvm::{Kernel, Result, Running, Svm, SvmVec};

tests![
    buffers_come_back,
    a_future_without_a_scope,
    the_waker_is_woken,
    dropped_in_flight,
    buffers_of_any_shape,
    a_drop_that_panics_ends_nothing,
    launched_on_one_thread_awaited_on_another,
    times,
];

type Pair = (SvmVec<u32>, SvmVec<u32>);

fn start(add: &Kernel<Add<'static>>, pair: Pair) -> Result<Running<Pair>> {
    add.launch_owned(3u32, pair, |s, (x, y)| Add { x: s.read(x), y: s.update(y), n: 3 })
}

fn setup() -> (Svm, Kernel<Add<'static>>, Pair) {
    let svm = open();
    let add = kernels::add(&svm);
    let pair = (svm.vec([1, 2, 3]), svm.vec([0, 0, 0]));
    (svm, add, pair)
}

/// Polls until ready, when it was woken; so a waker that is lost hangs the test.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        thread::park();
    }
}

fn buffers_come_back() {
    let (_svm, add, pair) = setup();
    let (x, y) = start(&add, pair).and_then(Running::wait).expect("owned");
    assert_eq!((&x[..], &y[..]), (&[1, 2, 3][..], &[1, 2, 3][..]));
    let ((_, y), result) = start(&add, (x, y)).expect("launch").finish();
    assert_eq!((result, &y[..]), (Ok(()), &[2, 4, 6][..]));
}

fn a_future_without_a_scope() {
    let (_svm, add, pair) = setup();
    let job = async move {
        let pair = start(&add, pair)?.await?;
        let (x, y) = start(&add, pair)?.await?;
        drop(start(&add, (x.clone(), y.clone()))?);
        let (_, y) = start(&add, (x, y))?.await?;
        Result::<_>::Ok(y)
    };
    assert_eq!(block_on(job).expect("job")[..], [3, 6, 9]);
}

fn the_waker_is_woken() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, pair) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    struct Count(AtomicUsize, mpsc::Sender<()>);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
            let _ = self.1.send(());
        }
    }
    let (send, woken) = mpsc::channel();
    let [first, last] = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0), send.clone())));
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        let mut running = pin!(start(&add, pair)?);
        let mut poll =
            |count: &Arc<Count>| running.as_mut().poll(&mut Context::from_waker(&Waker::from(count.clone())));
        assert!(poll(&first).is_pending());
        assert!(poll(&last).is_pending(), "the gate is closed");
        drop(opener);
        woken.recv().expect("the last waker that was given is woken");
        assert_eq!((first.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
        let Poll::Ready(result) = poll(&last) else { panic!("woken, so it is ready") };
        assert_eq!(result?.1[..], [1, 2, 3]);
        Ok(())
    })
    .expect("scope");
    Ok(())
}

/// Nobody waits: the buffers are freed all the same, and not before the launch has ended.
fn dropped_in_flight() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, pair) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    struct Tells(Pair, mpsc::Sender<Vec<u32>>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.1.to_vec());
        }
    }
    let (send, freed) = mpsc::channel();
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        let running =
            add.launch_owned(3u32, Tells(pair, send), |s, t| Add { x: s.read(&t.0.0), y: s.update(&mut t.0.1), n: 3 })?;
        drop(running);
        assert!(freed.try_recv().is_err(), "the launch is still behind the gate");
        drop(opener);
        assert_eq!(freed.recv().expect("dropped by the reaper"), [1, 2, 3]);
        Ok(())
    })
    .expect("scope");
    Ok(())
}

fn buffers_of_any_shape() {
    struct Job {
        name: String,
        pieces: Vec<SvmVec<u32>>,
    }
    let (svm, add, _) = setup();
    let job = Job { name: "job".into(), pieces: (0..4).map(|i| svm.vec([i; 3])).collect() };
    let running = add.launch_owned(3u32, job, |s, job| {
        let (a, b) = job.pieces.split_at_mut(2);
        Add { x: s.read(&a[1]), y: s.update(&mut b[0]), n: 3 }
    });
    let job = running.and_then(Running::wait).expect("owned");
    assert_eq!((job.name.as_str(), &job.pieces[2][..], &job.pieces[3][..]), ("job", &[3, 3, 3][..], &[3, 3, 3][..]));
    // What the closure lends may be wrong; the buffers are dropped then.
    let short = add.launch_owned(3u32, svm.vec([1, 2]), |s, v| Add { x: s.read(&[]), y: s.update(v), n: 2 });
    crate::variants::refused_saying(short, "ShortSlice", &["'x'"]);
    // A panic in the closure comes through.
    let panics = catch_unwind(AssertUnwindSafe(|| {
        let _ = add.launch_owned(3u32, svm.vec([1, 2]), |_, _| panic!("the program's own"));
    }));
    assert!(panics.is_err());
    drop(job);
    assert_eq!(svm.stats().live_allocations, 0);
}

/// The reaper's thread outlives what it drops.
fn a_drop_that_panics_ends_nothing() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    let (svm, add, pair) = setup();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    struct Panics(Pair);
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("a drop that panics, on purpose");
        }
    }
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        let lend =
            add.launch_owned(3u32, Panics(pair), |s, p| Add { x: s.read(&p.0.0), y: s.update(&mut p.0.1), n: 3 });
        drop(lend?);
        drop(opener);
        Ok(())
    })
    .expect("scope");
    let (send, freed) = mpsc::channel();
    struct Tells(SvmVec<u32>, mpsc::Sender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }
    let fill = kernels::fill(&svm);
    let tells = Tells(svm.zeroed(3), send);
    drop(
        fill.launch_owned(3u32, tells, |s, t| kernels::Fill { to: s.write(&mut t.0), n: 3, first: 0 }).expect("launch"),
    );
    freed.recv().expect("the next one is still served");
    Ok(())
}

fn launched_on_one_thread_awaited_on_another() {
    let (svm, add, _) = setup();
    let (send, receive) = mpsc::channel();
    thread::scope(|t| {
        t.spawn(move || {
            for i in 0..50 {
                let pair = (svm.vec([i; 3]), svm.vec([1; 3]));
                send.send((i, start(&add, pair).expect("launch"))).expect("the other side receives");
            }
        });
        t.spawn(move || {
            for (i, running) in receive {
                assert_eq!(running.wait().expect("owned").1[..], [i + 1; 3]);
            }
        });
    });
}

fn times() {
    let (svm, add, pair) = setup();
    let running = start(&add.timed(), pair).expect("launch");
    let time = running.gpu_time().expect("time");
    assert_eq!(time.is_some(), svm.capabilities().timestamps);
    let pair = running.wait().expect("owned");
    assert_eq!(start(&add, pair).expect("launch").gpu_time(), Ok(None), "not asked for");
}
