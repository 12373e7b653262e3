// Following pointers is a promise that the caller makes.
use vksvm::*;

#[derive(KernelArgs)]
struct Chase<'a> {
    root: In<'a, Ptr<f32>>,
    reach: Reach<'a>,
}

fn f(svm: &Svm, k: &Kernel<Chase<'static>>, x: &SvmVec<Ptr<f32>>) {
    let _ = svm.scope(|s| {
        let args = Chase { root: s.read(x), reach: Reach::new() };
        // SAFETY: compiled only.
        unsafe { k.launch_reaching(1u32, args) }?;
        Ok(())
    });
}

fn main() {}
