// A scope does not return what it lent.
use vksvm::*;

fn f(svm: &Svm, x: &SvmVec<f32>) {
    let _ = svm.scope(|s| Ok(s.read(x)));
}

fn main() {}
