// Arguments that wait for their launch keep the host out.
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
        let args = Copy2 { src: x, dst: y.write() };
        let m = y.host_mut()?;
        k.launch(1u32, args)?;
        m[0] = 1.0;
        Ok(())
    });
}

fn main() {}
