// What a launch reaches for writing cannot be one of its arguments too.
use vksvm::*;

#[derive(KernelArgs)]
struct Chase<'a> {
    root: In<'a, Ptr<f32>>,
    reach: Reach<'a>,
}

fn f(svm: &Svm, k: &Kernel<Chase<'static>>, x: &mut SvmVec<Ptr<f32>>, y: &mut SvmVec<Ptr<f32>>) {
    let _ = svm.scope(|s| {
        let (mut x, y) = (s.lend(x), s.lend(y));
        let args = Chase { reach: Reach::new().update(x.update()), root: y.read() };
        // SAFETY: compiled only.
        unsafe { k.launch_reaching(1u32, args) }?;
        drop(y);
        Ok(())
    });
}

fn main() {}
