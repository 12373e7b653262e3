//! DESIGN §3's laws, in their order: what each test does goes wrong where its law is broken. Law 5, a service that fails, is tested where service is.

mod allocating;
mod content;
pub mod fork;
mod interposer;
pub mod quiet;
mod rechecking;
mod reserving;
mod revoking;
mod waiting;

use libtest_mimic::Trial;

pub fn tests() -> Vec<Trial> {
    let laws = [
        revoking::tests(),
        waiting::tests(),
        quiet::tests(),
        rechecking::tests(),
        fork::tests(),
        reserving::tests(),
        allocating::tests(),
        content::tests(),
    ];
    laws.into_iter().flatten().collect()
}
