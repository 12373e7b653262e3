//! The arithmetic of `#[len(..)]`: exact, or an error; it neither panics nor wraps.

/// A number of elements while it is computed, or why it has no value. In 128 bits every single field's value fits.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Length(Result<i128, &'static str>);

const OVERFLOW: &str = "it overflows";
const BY_ZERO: &str = "it divides by zero";

/// Types that a length is computed from.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "a length is computed from integers, not from `{Self}`")]
pub trait Integer: Copy {
    fn wide(self) -> i128;
}
macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Integer for $t {
            fn wide(self) -> i128 {
                self as i128
            }
        }
    )* };
}
integers!(u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);

// Named as the operators' methods: the derive writes calls for what the user wrote as operators.
#[allow(clippy::should_implement_trait, missing_docs)]
impl Length {
    pub fn of(value: impl Integer) -> Self {
        Length(Ok(value.wide()))
    }
    pub const fn literal(value: i128) -> Self {
        Length(Ok(value))
    }
    pub fn add(self, with: Self) -> Self {
        self.both(with, |a, b| a.checked_add(b).ok_or(OVERFLOW))
    }
    pub fn sub(self, with: Self) -> Self {
        self.both(with, |a, b| a.checked_sub(b).ok_or(OVERFLOW))
    }
    pub fn mul(self, with: Self) -> Self {
        self.both(with, |a, b| a.checked_mul(b).ok_or(OVERFLOW))
    }
    pub fn div(self, with: Self) -> Self {
        self.both(with, |a, b| if b == 0 { Err(BY_ZERO) } else { a.checked_div(b).ok_or(OVERFLOW) })
    }
    pub fn rem(self, with: Self) -> Self {
        self.both(with, |a, b| if b == 0 { Err(BY_ZERO) } else { a.checked_rem(b).ok_or(OVERFLOW) })
    }
    pub fn div_ceil(self, with: Self) -> Self {
        self.both(with, |a, b| match b {
            0 => Err(BY_ZERO),
            _ => {
                let down = a.checked_div_euclid(b).ok_or(OVERFLOW)?;
                // Euclid rounds down for b > 0 and up for b < 0; the remainder is never negative.
                Ok(down + i128::from(b > 0 && a.rem_euclid(b) != 0))
            }
        })
    }
    pub fn shl(self, with: Self) -> Self {
        self.both(with, |a, b| match u32::try_from(b) {
            Ok(b) if b < 127 => a.checked_mul(1 << b).ok_or(OVERFLOW),
            _ => Err("it shifts by a negative number or by 127 bits or more"),
        })
    }
    pub fn min(self, with: Self) -> Self {
        self.both(with, |a, b| Ok(a.min(b)))
    }
    pub fn max(self, with: Self) -> Self {
        self.both(with, |a, b| Ok(a.max(b)))
    }
    /// What `as` does for values that fit; others have no value.
    pub fn within(self, min: i128, max: i128) -> Self {
        Length(self.0.and_then(|v| if (min..=max).contains(&v) { Ok(v) } else { Err("a cast in it loses bits") }))
    }

    fn both(self, with: Self, f: impl FnOnce(i128, i128) -> Result<i128, &'static str>) -> Self {
        Length(self.0.and_then(|a| with.0.and_then(|b| f(a, b))))
    }

    /// The number of elements, which no slice reaches if it is beyond 64 bits.
    pub(crate) fn value(self) -> Result<u64, &'static str> {
        match self.0? {
            v if v < 0 => Err("it is negative"),
            v => Ok(u64::try_from(v).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(v: i128) -> Length {
        Length::literal(v)
    }

    #[test]
    fn what_has_no_value_says_why() {
        assert_eq!(of(1).sub(of(2)).value(), Err("it is negative"));
        assert_eq!(of(1).div(of(0)).value(), Err(BY_ZERO));
        assert_eq!(of(1).rem(of(0)).value(), Err(BY_ZERO));
        assert_eq!(of(1).div_ceil(of(0)).value(), Err(BY_ZERO));
        assert_eq!(Length::of(u64::MAX).mul(Length::of(u64::MAX)).value(), Err(OVERFLOW));
        assert_eq!(of(i128::MIN).div(of(-1)).value(), Err(OVERFLOW));
        assert_eq!(of(i128::MIN).rem(of(-1)).value(), Err(OVERFLOW));
        assert_eq!(of(i128::MIN).div_ceil(of(-1)).value(), Err(OVERFLOW));
        assert_eq!(of(1).shl(of(-1)).value(), of(1).shl(of(127)).value());
        assert_eq!(of(300).within(0, 255).value(), Err("a cast in it loses bits"));
        // The first reason stays, whatever follows.
        assert_eq!(of(1).div(of(0)).max(of(9)).value(), Err(BY_ZERO));
        assert_eq!(of(9).max(of(1).div(of(0))).value(), Err(BY_ZERO));
    }

    #[test]
    fn beyond_64_bits_is_longer_than_any_slice() {
        assert_eq!(Length::of(u64::MAX).add(of(1)).value(), Ok(u64::MAX));
        assert_eq!(Length::of(u32::MAX).add(of(1)).value(), Ok(1 << 32));
        assert_eq!(Length::of(u32::MAX).mul(Length::of(u32::MAX)).value(), Ok(u32::MAX as u64 * u32::MAX as u64));
    }

    proptest! {
        #[test]
        fn small_values_agree_with_i64(a in -1000i64..1000, b in -50i64..50) {
            let pair = (of(a.into()), of(b.into()));
            let same = |l: Length, v: i64| -> Result<(), TestCaseError> {
                prop_assert_eq!(l, of(v.into()));
                Ok(())
            };
            same(pair.0.add(pair.1), a + b)?;
            same(pair.0.sub(pair.1), a - b)?;
            same(pair.0.mul(pair.1), a * b)?;
            same(pair.0.min(pair.1), a.min(b))?;
            same(pair.0.max(pair.1), a.max(b))?;
            if b != 0 {
                same(pair.0.div(pair.1), a / b)?;
                same(pair.0.rem(pair.1), a % b)?;
                same(pair.0.div_ceil(pair.1), (a as f64 / b as f64).ceil() as i64)?;
            }
            if (0..50).contains(&b) {
                same(pair.0.shl(pair.1), a << b)?;
            }
        }
    }
}
