// A host view of a lent slice ends before the next launch that writes it.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(svm: &Svm, k: &Kernel<Copy2<'static>>, x: &SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|s| {
        let x = s.read(x);
        let mut y = s.lend(y);
        let seen = y.host()?;
        println!("{}", seen[0]);
        k.launch(1u32, Copy2 { src: x, dst: y.write() })?;
        Ok(())
    });
}

fn main() {}
