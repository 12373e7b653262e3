// One launch cannot read and write the same slice through two arguments.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(svm: &Svm, k: &Kernel<Copy2<'static>>, x: &mut SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|s| {
        let (x, mut y) = (s.lend(x), s.lend(y));
        k.launch(1u32, Copy2 { src: y.read(), dst: y.write() })?;
        drop(x);
        Ok(())
    });
}

fn main() {}
