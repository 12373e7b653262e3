//! Where each page of a heap is, and every way in which that changes: pure code, without Vulkan, operating system or `unsafe`.
//!
//! A page is with the host, with the device, or with both. What that means is up to a [`Mechanism`], which copies, takes the CPU's
//! access away and gives it back; *when* it does so is decided here, in [`Pages`], so that it can be tested without a device.
//!
//! ```text
//!              ┌──────────────────────────────────────────────────────────────────┐
//!              │  HOST        CPU reads and writes; launches use it in place       │◄─── freed: content dropped
//!              └──────────────────────────────────────────────────────────────────┘
//!     a launch │ reads it:                        ▲ CPU write, eviction:         ▲
//!              │ protect, copy in                 │ restore                      │
//!              ▼                                  │                              │ CPU touch, eviction:
//!              ┌──────────────────────────────────────────────────────────────┐  │ copy out, restore
//!              │  BOTH        CPU reads; launches read the device's copy       │  │
//!              └──────────────────────────────────────────────────────────────┘  │
//!     a launch │ writes it:                       ▲ CPU read while launches      │
//!              │ revoke                           │ read it: copy out, expose    │
//!              ▼                                  │                              │
//!              ┌──────────────────────────────────────────────────────────────────┐
//!              │  DEVICE      CPU has no access; the host's copy is out of date    │
//!              └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A launch that writes a page which is with the host goes both steps down at once: revoke, copy in. Besides, a page goes from DEVICE to BOTH
//! without the CPU's doing: it is copied home ahead of eviction, or its content is of no use. The CPU stays kept from it until it touches it.
//!
//! Every arrow is: *plan* under the block's lock, which ends with the pages marked as moving; *carry out* without it; *commit* under
//! it again, which clears the mark and wakes who waits. A page that is moving is nobody else's. A page that a launch *holds* (it was made
//! ready, the launch has no point yet) or *uses* (its point was not reached) stays where it is; touches of it wait. Taking more of the
//! CPU's access away, from BOTH to DEVICE, moves nothing and is done while earlier launches read the page.
//!
//! The sets that a block keeps, by state (moving pages may be anything):
//!
//! | state | `device` | `stale` | `revoked` or `protected` |
//! |---|---|---|---|
//! | HOST | – | – | neither; either after an error, until the next touch |
//! | BOTH | yes | – | `protected`; or `revoked`: under the hunt for untranslated accesses, or where the CPU has not asked for it |
//! | DEVICE | yes | yes | `revoked` |
//!
//! Which page should move for a launch, and which should go for it, is the matter of a [`Policy`]: the protocol asks it and sees to it
//! that no answer can do harm. What a program asked of its pages can be kept as a [`Trace`], and [`replay`] tells what another policy
//! would have made of it.
//!
//! Locks: blocks', in the order of addresses; then the pool of slots. Neither is held while anything is copied, waited for, asked of the
//! device, or done to the CPU's access. A third, which no fault ever takes, is held by the launch that makes device memory grow.

mod advise;
mod ahead;
mod block;
mod broken;
mod clean;
mod counts;
mod fault;
mod home;
mod lab;
mod launch;
mod mask;
mod mechanism;
mod pages;
mod policy;
mod pool;
mod reserve;
mod streams;
mod sync;
mod trace;
mod watch;

pub use advise::Snapshot;
pub use ahead::{Moved, Unpinnable};
#[cfg(not(feature = "seam"))]
pub(crate) use broken::Broken;
#[cfg(feature = "seam")]
pub use broken::Broken;
pub use counts::{ByCause, Counts};
pub use fault::Busy;
pub use lab::{Contender, Outcome, Room, replay};
pub use launch::{Hold, Refused};
pub use mask::{Mask, PAGES};
pub use mechanism::{Mechanism, Move, Moves, Slot};
pub use pages::{Options, Pages, Want};
pub use policy::{
    Advice, Advised, Auto, Costs, DeviceModel, Displaced, Lru, Newcomer, Notes, Placing, Policy, Resident, Turn,
    displace, leaving,
};
pub use pool::Usage;
pub use trace::{Encoder, Event, Header, Malformed, Side, Trace, What};
pub use watch::{Cause, Happening};
