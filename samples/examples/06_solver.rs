//! 06: conjugate gradients on a sparse matrix. Three kernels, six launches a step, vectors shared between them, all in
//! flight at once: launches that share a lent slice run in order by themselves. The CPU looks at the residual only every
//! eighth step, which is the only time that it waits.
//!
//! # Safety
//! Loading a kernel vouches for its shader.

#![allow(unsafe_code)]

use anyhow::{Result, bail};
use vksvm::{In, InOut, Kernel, KernelArgs, Launch, Out, Svm};

#[derive(KernelArgs)]
struct Spmv<'a> {
    #[len(n + 1)] // expressions are checked exactly: they cannot wrap around
    row: In<'a, u32>,
    #[len(entries)]
    col: In<'a, u32>,
    #[len(entries)]
    val: In<'a, f32>,
    #[len(n)]
    x: In<'a, f32>,
    #[len(n)]
    y: Out<'a, f32>,
    n: u32,
    entries: u32,
}

#[derive(KernelArgs)]
struct Dot<'a> {
    #[len(n)]
    a: In<'a, f32>,
    #[len(n)]
    b: In<'a, f32>,
    #[len(1)]
    result: Out<'a, f32>,
    n: u32,
}

/// With k = num / den: y += k x (mode 0), y -= k x (mode 1), y = x + k y (mode 2).
#[derive(KernelArgs)]
struct Axpy<'a> {
    #[len(1)]
    num: In<'a, f32>,
    #[len(1)]
    den: In<'a, f32>,
    #[len(n)]
    x: In<'a, f32>,
    #[len(n)]
    y: InOut<'a, f32>,
    n: u32,
    mode: u32,
}

struct Cg {
    spmv: Kernel<Spmv<'static>>,
    dot: Kernel<Dot<'static>>,
    axpy: Kernel<Axpy<'static>>,
}

/// A sparse matrix in compressed rows: row i's entries are `col[k]`, `val[k]` for k in `row[i]..row[i + 1]`.
struct Csr<'m> {
    row: &'m [u32],
    col: &'m [u32],
    val: &'m [f32],
}

impl Cg {
    fn load(svm: &Svm) -> Result<Self> {
        // SAFETY: spmv.comp returns for i >= n and skips entries whose column or index is out of bounds.
        let spmv = unsafe { svm.module(include_bytes!("../../shaders/kernels/spmv.spv")).load()? };
        // Specialization constant 0 is the workgroup's size.
        let dot = svm.module(include_bytes!("../../shaders/kernels/dot.spv")).constant(0, 256u32);
        // SAFETY: dot.comp reads below n; one invocation of one workgroup writes result[0].
        let dot = unsafe { dot.load()? };
        // SAFETY: axpy.comp reads num[0] and den[0] and touches x[i] and y[i] for i < n, each by one invocation.
        let axpy = unsafe { svm.module(include_bytes!("../../shaders/kernels/axpy.spv")).load()? };
        Ok(Cg { spmv, dot, axpy })
    }

    // Such helpers need no scope: the lent slices carry what a launch must wait for.
    fn dot(&self, a: In<f32>, b: In<f32>, result: Out<f32>) -> vksvm::Result<Launch> {
        self.dot.launch(256u32, Dot { n: a.len() as u32, a, b, result })
    }

    /// Solves m x = b from x = 0; returns the number of steps.
    fn solve(&self, svm: &Svm, m: &Csr, b: &[f32], x: &mut [f32]) -> Result<usize> {
        let n = b.len() as u32;
        let (mut r, mut p, mut q) =
            (svm.vec(b.iter().copied()), svm.vec(b.iter().copied()), svm.zeroed::<f32>(b.len()));
        let mut scalars = svm.zeroed::<f32>(3);
        svm.try_scope(|s| {
            let (row, col, val) = (s.read(m.row), s.read(m.col), s.read(m.val));
            let (mut x, mut r, mut p, mut q) = (s.lend(x), s.lend(&mut r), s.lend(&mut p), s.lend(&mut q));
            // Neighbours in one vector may be lent one by one.
            let [rr, new, pq] = &mut scalars[..] else { bail!("three scalars") };
            let one = std::slice::from_mut;
            let (mut rr, mut new, mut pq) = (s.lend(one(rr)), s.lend(one(new)), s.lend(one(pq)));
            self.dot(r.read(), r.read(), rr.write())?;
            for step in 1..=200 {
                let args = Spmv { row, col, val, x: p.read(), y: q.write(), n, entries: col.len() as u32 };
                self.spmv.launch(n, args)?;
                self.dot(p.read(), q.read(), pq.write())?;
                self.axpy.launch(n, Axpy { num: rr.read(), den: pq.read(), x: p.read(), y: x.update(), n, mode: 0 })?;
                self.axpy.launch(n, Axpy { num: rr.read(), den: pq.read(), x: q.read(), y: r.update(), n, mode: 1 })?;
                self.dot(r.read(), r.read(), new.write())?;
                self.axpy
                    .launch(n, Axpy { num: new.read(), den: rr.read(), x: r.read(), y: p.update(), n, mode: 2 })?;
                if step % 8 == 0 && new.host()?[0] < 1e-8 {
                    return Ok(step);
                }
                std::mem::swap(&mut rr, &mut new);
            }
            bail!("no convergence within 200 steps")
        })
    }
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    let cg = Cg::load(&svm)?;

    // 4 on the diagonal, -1 beside it. The matrix is built in place, entry by entry.
    let n = 1000usize;
    let (mut row, mut col, mut val) = (svm.vec([0u32]), svm.vec([]), svm.vec([]));
    for i in 0..n {
        for (j, v) in [(i.wrapping_sub(1), -1.0f32), (i, 4.0), (i + 1, -1.0)] {
            if j < n {
                col.push(j as u32);
                val.push(v);
            }
        }
        row.push(col.len() as u32);
    }
    let b = svm.vec((0..n).map(|i| (i % 10) as f32));
    let mut x = svm.zeroed::<f32>(n);
    let steps = cg.solve(&svm, &Csr { row: &row, col: &col, val: &val }, &b, &mut x)?;

    // The residual, checked by the CPU in double precision, on the very same memory.
    for i in 0..n {
        let entries = row[i] as usize..row[i + 1] as usize;
        let sum: f64 = entries.map(|k| f64::from(val[k]) * f64::from(x[col[k] as usize])).sum();
        assert!((sum - f64::from(b[i])).abs() < 1e-4, "row {i}: {sum} {}", b[i]);
    }
    println!("converged within {steps} steps");
    Ok(())
}
