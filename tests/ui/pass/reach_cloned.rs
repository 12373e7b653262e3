// A reach may hold the right to write, which only one launch at a time has.
use vksvm::*;

fn one(reach: Reach<'_>) -> (Reach<'_>, Reach<'_>) {
    (Reach::new(), reach)
}

fn main() {
    let _ = one;
}
