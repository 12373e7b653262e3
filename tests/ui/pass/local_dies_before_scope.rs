// What is lent lives as long as the scope, not as long as its closure.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(svm: &Svm, k: &Kernel<Copy2<'static>>, x: &SvmVec<f32>) {
    let mut tmp = svm.zeroed::<f32>(4);
    let _ = svm.scope(|s| {
        k.launch(1u32, Copy2 { src: s.read(x), dst: s.write(&mut tmp) })?;
        Ok(())
    });
}

fn main() {}
