//! What the program has said of a block's pages.

use crate::mask::Mask;

/// What a program can say of pages. Each can be taken back; the last word on a page counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advised {
    /// Both sides read them, and they are hardly ever written.
    ReadMostly,
    /// They are best with the host.
    PrefersHost,
    /// They are best with the device.
    PrefersDevice,
    /// The CPU will go on using them, wherever they are.
    AccessedByHost,
    /// The device will go on using them, wherever they are.
    AccessedByDevice,
    /// They do not leave the host.
    PinnedHost,
    /// They do not leave the device once they are there.
    PinnedDevice,
    /// Launches use them a lot.
    Hot,
    /// Launches hardly use them.
    Cold,
}

impl Advised {
    /// Every one, in the order of their numbers in traces.
    pub const ALL: [Advised; 9] = [
        Advised::ReadMostly,
        Advised::PrefersHost,
        Advised::PrefersDevice,
        Advised::AccessedByHost,
        Advised::AccessedByDevice,
        Advised::PinnedHost,
        Advised::PinnedDevice,
        Advised::Hot,
        Advised::Cold,
    ];

    /// What cannot be true of a page at the same time.
    fn contradicted_by(self) -> Option<Advised> {
        Some(match self {
            Advised::PrefersHost => Advised::PrefersDevice,
            Advised::PrefersDevice => Advised::PrefersHost,
            Advised::PinnedHost => Advised::PinnedDevice,
            Advised::PinnedDevice => Advised::PinnedHost,
            Advised::Hot => Advised::Cold,
            Advised::Cold => Advised::Hot,
            Advised::ReadMostly | Advised::AccessedByHost | Advised::AccessedByDevice => return None,
        })
    }
}

/// The pages of a block of which each is said, and how often a launch that uses them reads and writes each of their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// See [`Advised::ReadMostly`].
    pub read_mostly: Mask,
    /// See [`Advised::PrefersHost`].
    pub prefers_host: Mask,
    /// See [`Advised::PrefersDevice`].
    pub prefers_device: Mask,
    /// See [`Advised::AccessedByHost`].
    pub accessed_by_host: Mask,
    /// See [`Advised::AccessedByDevice`].
    pub accessed_by_device: Mask,
    /// See [`Advised::PinnedHost`].
    pub pinned_host: Mask,
    /// See [`Advised::PinnedDevice`].
    pub pinned_device: Mask,
    /// See [`Advised::Hot`].
    pub hot: Mask,
    /// See [`Advised::Cold`]. What is neither is warm.
    pub cold: Mask,
    /// Expected reads of each byte by a launch that uses the block; 0 where nobody said.
    pub reads: u8,
    /// Expected writes of each byte by a launch that uses the block; 0 where nobody said.
    pub writes: u8,
}

impl Advice {
    /// Says something of pages, or takes it back. Returns the pages of which the contrary had been said, which no longer counts.
    pub fn set(&mut self, what: Advised, pages: Mask, on: bool) -> Mask {
        if !on {
            *self.of(what) -= pages;
            return Mask::NONE;
        }
        *self.of(what) |= pages;
        let Some(contrary) = what.contradicted_by() else { return Mask::NONE };
        let contrary = self.of(contrary);
        let overruled = *contrary & pages;
        *contrary -= pages;
        overruled
    }

    /// Nothing is said of pages that were freed.
    pub fn clear(&mut self, pages: Mask) {
        Advised::ALL.iter().for_each(|what| *self.of(*what) -= pages);
    }

    fn of(&mut self, what: Advised) -> &mut Mask {
        match what {
            Advised::ReadMostly => &mut self.read_mostly,
            Advised::PrefersHost => &mut self.prefers_host,
            Advised::PrefersDevice => &mut self.prefers_device,
            Advised::AccessedByHost => &mut self.accessed_by_host,
            Advised::AccessedByDevice => &mut self.accessed_by_device,
            Advised::PinnedHost => &mut self.pinned_host,
            Advised::PinnedDevice => &mut self.pinned_device,
            Advised::Hot => &mut self.hot,
            Advised::Cold => &mut self.cold,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let mut advice = Advice::default();
        assert_eq!(advice.set(Advised::Hot, Mask::range(0..4), true), Mask::NONE);
        assert_eq!(advice.set(Advised::Cold, Mask::range(2..6), true), Mask::range(2..4));
        assert_eq!((advice.hot, advice.cold), (Mask::range(0..2), Mask::range(2..6)));
        assert_eq!(advice.set(Advised::Cold, Mask::range(4..6), false), Mask::NONE);
        assert_eq!(advice.cold, Mask::range(2..4), "taking it back does not say the contrary");
        assert_eq!(advice.set(Advised::PinnedDevice, Mask::ALL, true), Mask::NONE);
        assert_eq!(advice.set(Advised::PinnedHost, Mask::page(7), true), Mask::page(7));
        advice.clear(Mask::ALL);
        assert_eq!(advice, Advice::default());
    }
}
