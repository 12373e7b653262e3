// A reach may hold the right to write, which only one launch at a time has.
use vksvm::*;

fn two(reach: Reach<'_>) -> (Reach<'_>, Reach<'_>) {
    (reach.clone(), reach)
}

fn main() {}
