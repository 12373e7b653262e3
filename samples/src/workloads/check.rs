//! Comparing results with references.

/// Half of the distance between 1 and the next `f32`: the largest relative error of one rounded operation.
pub const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Compares numbers with their reference: each is `(result, reference, largest allowed difference)`. A difference
/// that is not a number is a mismatch.
pub fn close(what: &str, values: impl IntoIterator<Item = (f32, f64, f64)>) -> Result<(), String> {
    let (mut wrong, mut first) = (0u64, None);
    for (i, (got, want, bound)) in values.into_iter().enumerate() {
        let difference = (f64::from(got) - want).abs();
        if difference.is_nan() || difference > bound {
            wrong += 1;
            first.get_or_insert_with(|| format!("{what}[{i}] is {got}, should be {want} to within {bound:.1e}"));
        }
    }
    first.map_or(Ok(()), |text| Err(if wrong == 1 { text } else { format!("{text}; {wrong} such differences") }))
}

/// Compares values that must be equal.
pub fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    values: impl IntoIterator<Item = (T, T)>,
) -> Result<(), String> {
    let (mut wrong, mut first) = (0u64, None);
    for (i, (got, want)) in values.into_iter().enumerate() {
        if got != want {
            wrong += 1;
            first.get_or_insert_with(|| format!("{what}[{i}] is {got:?}, should be {want:?}"));
        }
    }
    first.map_or(Ok(()), |text| Err(if wrong == 1 { text } else { format!("{text}; {wrong} such differences") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_and_counted() {
        assert!(close("x", [(1.0, 1.0, 0.0), (2.0, 2.5, 0.5)]).is_ok());
        let text = close("x", [(1.0, 1.0, 0.0), (2.0, 2.6, 0.5), (f32::NAN, 1.0, 9.0)]).unwrap_err();
        assert!(text.starts_with("x[1] is 2, should be 2.6") && text.ends_with("2 such differences"), "{text}");
        assert!(close("x", [(f32::INFINITY, f64::INFINITY, 1.0)]).is_err(), "inf - inf is not a number");
        assert!(equal("y", [(1, 1), (2, 2)]).is_ok());
        assert_eq!(equal("y", [(1, 1), (2, 3)]).unwrap_err(), "y[1] is 2, should be 3");
    }
}
