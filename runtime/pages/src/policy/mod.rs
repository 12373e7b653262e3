//! Which page should be where, and which should go for others: facts in, decisions out.
//!
//! A [`Policy`] decides, the protocol in [`crate::Pages`] carries out. What a policy learns of a block lives in its [`Notes`],
//! which the protocol keeps under the block's lock; what it learns of the order of launches lives in the policy itself. No decision
//! can break anything: wherever a page is, launches and the CPU find it, and a bad policy costs time only.
//!
//! | file | what it decides |
//! |---|---|
//! | `history` | how the launches that were align with those that come |
//! | `uses`, `heat` | when a block is used again, how much a page is |
//! | `costs` | what copying and using in place cost on a device |
//! | `place` | whether a page that a launch misses moves |
//! | `displace` | who gives up device memory for whom |
//! | `density` | what is brought along |
//! | `guard` | pages that bounce |
//! | `auto`, `lru` | the two policies |

mod advice;
mod auto;
mod costs;
mod density;
mod displace;
mod guard;
mod heat;
mod history;
mod lru;
mod notes;
mod place;
mod uses;

pub use advice::{Advice, Advised};
pub use auto::Auto;
pub use costs::{Costs, DeviceModel};
pub use displace::{Displaced, Newcomer, Resident, displace, leaving};
pub use history::Turn;
pub use lru::Lru;
pub use notes::Notes;

use crate::mask::Mask;

/// Decides where pages should be.
///
/// *In service* means on behalf of a CPU fault, perhaps in a signal handler: nothing is allocated there, and no lock taken.
pub trait Policy: Send + Sync {
    /// A launch begins, in order of issue. `signature` is the same for launches of one kernel on the same pages with the same
    /// access;
    /// `now` is in nanoseconds of a clock that never goes back. Not in service.
    fn begin(&self, signature: u64, now: u64) -> Turn;

    /// The moment between launches, for prefetches and evictions that no launch asks for. Not in service.
    fn current(&self, now: u64) -> Turn;

    /// The launch uses these pages of the block and may write `write` of them: once per block and launch, before
    /// [`Policy::place`].
    fn used(&self, turn: &Turn, notes: &mut Notes, all: Mask, write: Mask);

    /// What becomes of `missing`, pages that the launch uses and that are not with the device. `write` are those of its pages that
    /// it may write. Only asked where pages may be used in place.
    fn place(&self, turn: &Turn, notes: &Notes, missing: Mask, write: Mask) -> Placing;

    /// Pages to bring along with those that a launch uses: none that is with the device, and only pages that launches have used
    /// since they were freed last. Not asked where device memory is (nearly) full, since what comes along would displace what is
    /// used.
    fn along(&self, notes: &Notes, with_device: Mask, used: Mask) -> Mask;

    /// How many launches from `turn` on the block's next use is expected: [`f32::INFINITY`] for never. Where memory is short the
    /// largest goes first.
    fn distance(&self, turn: &Turn, notes: &Notes) -> f32;

    /// Pages came to the device, for the launch that was told by [`Policy::used`] or, if `prefetched`, for none yet.
    fn arrived(&self, notes: &mut Notes, pages: Mask, prefetched: bool, now: u64);

    /// Pages left the device, for whatever reason. Returns how many of them had been prefetched and were never used. Where a CPU
    /// touch is the reason, [`Policy::touched`] comes first. In service, too.
    fn left(&self, notes: &mut Notes, pages: Mask) -> u32;

    /// A CPU touch of this page, which the device had, is served: it comes home, or, if not `home`, both may read it. In service.
    /// Whether the page begins to stay with the host because it bounces.
    fn touched(&self, notes: &mut Notes, page: usize, write: bool, home: bool, now: u64) -> bool;

    /// Of these pages, whose copy with the host is out of date and which the CPU reads, those that should stay with the device,
    /// too. In service.
    fn shares(&self, notes: &Notes, pages: Mask) -> Mask;
}

/// What becomes of pages that a launch uses and the device does not have. No page is in two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placing {
    /// Moved, even where others must go.
    pub moves: Mask,
    /// Moved where there is room, or where what is needed later can go.
    pub if_room: Mask,
    /// Used in place.
    pub stays: Mask,
}

impl Placing {
    /// All of `missing` moves, except for what is pinned to the host.
    pub(crate) fn all(missing: Mask, advice: &Advice) -> Placing {
        let stays = missing & advice.pinned_host;
        Placing { moves: missing - stays, if_room: Mask::NONE, stays }
    }
}
