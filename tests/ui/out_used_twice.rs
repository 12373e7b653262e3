// What is lent once for writing serves one launch; lend() serves many.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(svm: &Svm, k: &Kernel<Copy2<'static>>, x: &SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|s| {
        let x = s.read(x);
        let y = s.write(y);
        k.launch(1u32, Copy2 { src: x, dst: y })?;
        k.launch(1u32, Copy2 { src: x, dst: y })?;
        Ok(())
    });
}

fn main() {}
