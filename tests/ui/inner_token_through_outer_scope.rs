// What an inner scope lent does not outlive it.
use vksvm::*;

fn f(svm: &Svm, x: &SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|a| {
        let mut keep = None;
        svm.scope(|b| {
            keep = Some(b.write(y));
            Ok(())
        })?;
        drop(keep);
        let _ = a.read(x);
        Ok(())
    });
}

fn main() {}
