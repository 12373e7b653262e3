// What an inner scope lent does not outlive it.
use vksvm::*;

fn f(svm: &Svm, x: &SvmVec<f32>, y: &mut SvmVec<f32>) {
    let _ = svm.scope(|a| {
        svm.scope(|b| {
            let keep = Some(b.write(y));
            drop(keep);
            Ok(())
        })?;
        let _ = a.read(x);
        Ok(())
    });
}

fn main() {}
