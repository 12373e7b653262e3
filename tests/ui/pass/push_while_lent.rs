// A lent vector cannot grow: it could move.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(svm: &Svm, k: &Kernel<Copy2<'static>>, x: &mut SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|s| {
        k.launch(1u32, Copy2 { src: s.read(x), dst: s.write(y) })?;
        Ok(())
    });
    x.push(1.0);
}

fn main() {}
