// Argument slices do not leave their scope.
use vksvm::*;

fn f(svm: &Svm, x: &SvmVec<f32>) {
    let mut out = None;
    let _ = svm.scope(|s| {
        out = Some(s.read(x).len());
        Ok(())
    });
    drop(out);
}

fn main() {}
