//! Random ranks that follow Zipf's law.

use fastrand::Rng;

/// Ranks from 1 to a number, each as likely as its -`exponent`th power says.
///
/// By rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", ACM Transactions on Modeling and Computer Simulation 6 (1996). A number of the continuous distribution
/// with the same power is drawn by inverting its integral, and rounded; where the integral has more than the rank's own
/// share the number may be rejected. There is no table, and a rank costs little more than one draw.
pub struct Zipf {
    exponent: f64,
    ranks: u32,
    /// The integral's range: from where rank 1's own share begins to the end of the last rank.
    from: f64,
    to: f64,
}

impl Zipf {
    /// # Panics
    /// If there are no ranks, or the exponent is not between 0 and 1, both excluded.
    pub fn new(ranks: u32, exponent: f64) -> Self {
        assert!(
            ranks > 0 && exponent > 0.0 && exponent < 1.0,
            "no such distribution: {ranks} ranks, exponent {exponent}"
        );
        let mut zipf = Zipf { exponent, ranks, from: 0.0, to: 0.0 };
        zipf.from = zipf.integral(1.5) - 1.0;
        zipf.to = zipf.integral(f64::from(ranks) + 0.5);
        zipf
    }

    /// The integral of x^-exponent, up to a constant.
    fn integral(&self, x: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        (x.powf(rest) - 1.0) / rest
    }

    /// The x at which the integral has this value.
    fn inverse(&self, value: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        (1.0 + value * rest).max(0.0).powf(1.0 / rest)
    }

    /// Draws a rank.
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        loop {
            let value = self.from + rng.f64() * (self.to - self.from);
            let rank = self.inverse(value).round().clamp(1.0, f64::from(self.ranks));
            // The rank's own share is the last part of what rounds to it.
            if value >= self.integral(rank + 0.5) - rank.powf(-self.exponent) {
                return rank as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_as_frequent_as_their_powers() {
        const DRAWS: u32 = 200_000;
        for (ranks, exponent) in [(1, 0.5), (5, 0.5), (40, 0.99)] {
            let (zipf, mut rng) = (Zipf::new(ranks, exponent), Rng::with_seed(5));
            let mut counts = vec![0u32; ranks as usize];
            for _ in 0..DRAWS {
                counts[zipf.draw(&mut rng) as usize - 1] += 1;
            }
            let total: f64 = (1..=ranks).map(|rank| f64::from(rank).powf(-exponent)).sum();
            for (i, &count) in counts.iter().enumerate() {
                let share = (i as f64 + 1.0).powf(-exponent) / total;
                // Five standard deviations of a binomial distribution.
                let bound = 5.0 * (f64::from(DRAWS) * share * (1.0 - share)).sqrt() + 1e-9;
                let off = (f64::from(count) - f64::from(DRAWS) * share).abs();
                assert!(off <= bound, "rank {} of {ranks}: {count} times, off by {off}, accepted {bound}", i + 1);
            }
        }
    }
}
