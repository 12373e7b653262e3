//! From the device's clock to the system's.
//!
//! Vulkan says how long a tick is and nothing about when ticks began, so both clocks are read at about the same moment (`gpu::calibration`),
//! when a heap is opened and when its log is read. Two readings that are far apart also tell how long a tick really is.

/// Both clocks, read at about the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The device's.
    pub ticks: u64,
    /// The system's, in ns.
    pub host: u64,
    /// By how many ns that may be wrong, either way.
    pub within: u64,
}

/// What is known of a device's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// In the order in which they were made.
    pub readings: Vec<Reading>,
    /// Nanoseconds a tick, as the device says.
    pub tick_ns: f64,
    /// Valid bits of its stamps.
    pub bits: u32,
}

/// Readings must be so many times further apart than they are wrong to tell better than the device how long a tick is: one part in 100,000,
/// which is what a quartz promises.
const APART: u64 = 100_000;

/// A tick is not believed to be off by more than this share of what the device says: then a clock has wrapped or was set.
const OFF: f64 = 1e-3;

impl Clock {
    /// The system's time in ns at which the device's clock showed `ticks`; `None` where nothing tells.
    pub fn host(&self, ticks: u64) -> Option<u64> {
        let near = self.readings.iter().min_by_key(|reading| self.between(reading.ticks, ticks).unsigned_abs())?;
        let ns = self.between(near.ticks, ticks) as f64 * self.tick();
        near.host.checked_add_signed(ns.round() as i64)
    }

    /// By how many ns that may be wrong.
    pub fn within(&self) -> u64 {
        self.readings.iter().map(|reading| reading.within).max().unwrap_or(0)
    }

    fn tick(&self) -> f64 {
        let [first, .., last] = self.readings[..] else { return self.tick_ns };
        let (host, ticks) = (last.host - first.host, self.between(first.ticks, last.ticks));
        if host / APART < first.within + last.within || ticks <= 0 {
            return self.tick_ns;
        }
        let measured = host as f64 / ticks as f64;
        if (measured / self.tick_ns - 1.0).abs() < OFF { measured } else { self.tick_ns }
    }

    /// Ticks from one stamp to another, whose unused bits say nothing.
    fn between(&self, from: u64, to: u64) -> i64 {
        let unused = 64 - self.bits.clamp(1, 64);
        // The sign is that of the highest bit that is used.
        (to.wrapping_sub(from) << unused) as i64 >> unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(readings: &[[u64; 3]], tick_ns: f64, bits: u32) -> Clock {
        let reading = |[ticks, host, within]: &[u64; 3]| Reading { ticks: *ticks, host: *host, within: *within };
        Clock { readings: readings.iter().map(reading).collect(), tick_ns, bits }
    }

    #[test]
    fn one_reading_and_the_devices_tick() {
        let clock = clock(&[[1000, 50_000, 10]], 2.5, 64);
        assert_eq!([1000, 1100, 900].map(|ticks| clock.host(ticks)), [50_000, 50_250, 49_750].map(Some));
        assert_eq!(Clock::default().host(5), None);
    }

    #[test]
    fn two_readings_tell_how_long_a_tick_is_if_they_are_far_apart() {
        let second = 1_000_000_000;
        let far = clock(&[[0, 0, 100], [100 * second, 100 * second + 50_000, 100]], 1.0, 64);
        assert_eq!(far.host(50 * second), Some(50 * second + 25_000));
        let near = clock(&[[0, 0, 100], [second / 100, second / 100 + 50, 100]], 1.0, 64);
        assert_eq!(near.host(1000), Some(1000));
        let set = clock(&[[0, 0, 100], [100 * second, 200 * second, 100]], 1.0, 64);
        assert_eq!(set.host(1000), Some(1000), "nobody's tick is twice as long");
    }

    #[test]
    fn stamps_wrap() {
        let clock = clock(&[[0xffff_fff0, 1_000_000, 1]], 1.0, 32);
        assert_eq!(clock.host(0x10), Some(1_000_032));
        assert_eq!(clock.host(0xffff_ffe0), Some(999_984));
    }
}
