//! A vector as it is stored and compared: in half precision, and scaled to length 1 unless it has about that already, so that
//! any endpoint's values fit. Both leave the cosines of what is stored as they were, and doing both again changes nothing.
//! Never touches the database.

use std::ops::RangeInclusive;

use pgvector::HalfVector;

/// Lengths that are not corrected. Rounding moves a length by less, so that what was stored once is stored alike again.
const UNIT_LENGTHS: RangeInclusive<f64> = 0.99..=1.01;

/// Why a vector cannot be stored; none when it can. A zero vector has no direction and so no cosine distance to anything;
/// the index would lose it without a word.
pub(crate) fn unstorable(values: &[f32]) -> Option<&'static str> {
    if values.iter().any(|value| !value.is_finite()) {
        Some("the vector holds a value that is not a number")
    } else if values.iter().all(|value| *value == 0.0) {
        Some("the vector is zero")
    } else {
        None
    }
}

/// The stored form of a vector that is not [`unstorable`].
pub(crate) fn stored_form(values: &[f32]) -> HalfVector {
    let rounded = HalfVector::from_f32_slice(values);
    // The length after rounding decides: it is what a second look at the same vector finds.
    if UNIT_LENGTHS.contains(&length(&single_precision(&rounded))) {
        return rounded;
    }
    let length = length(values);
    HalfVector::from_f32_slice(&values.iter().map(|value| scaled(*value, length)).collect::<Vec<f32>>())
}

/// A stored vector for computing with it.
pub(crate) fn single_precision(stored: &HalfVector) -> Vec<f32> {
    stored.as_slice().iter().map(|value| value.to_f32()).collect()
}

/// In double precision, where no square of a `f32` overflows or vanishes.
fn length(values: &[f32]) -> f64 {
    let squares = values.iter().map(|value| f64::from(*value) * f64::from(*value));
    squares.sum::<f64>().sqrt()
}

#[allow(clippy::cast_possible_truncation)] // to the precision that it came with
fn scaled(value: f32, length: f64) -> f32 {
    (f64::from(value) / length) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cosine(one: &[f32], other: &[f32]) -> f64 {
        let products = one
            .iter()
            .zip(other)
            .map(|(one, other)| f64::from(*one) * f64::from(*other));
        products.sum::<f64>() / (length(one) * length(other))
    }

    proptest! {
        #[test]
        fn any_vector_keeps_its_direction_and_is_stored_alike_again(
            values in prop::collection::vec(-1.0f32..1.0, 2..300),
            exponent in -120i32..120,
        ) {
            let values: Vec<f32> = values.iter().map(|value| value * 2f32.powi(exponent)).collect();
            prop_assume!(unstorable(&values).is_none());
            let stored = stored_form(&values);
            let read = single_precision(&stored);
            prop_assert!(UNIT_LENGTHS.contains(&length(&read)), "length {}", length(&read));
            prop_assert!(cosine(&values, &read) > 1.0 - 1e-6, "cosine {}", cosine(&values, &read));
            prop_assert_eq!(stored_form(&read), stored);
        }
    }

    #[test]
    fn values_at_the_ends_of_single_precision_are_stored() {
        for values in [
            [f32::MAX, f32::MAX / 2.0],
            [1e-45, 0.0],
            [65_520.0, 1.0],
            [f32::MIN_POSITIVE, -f32::MAX],
        ] {
            let read = single_precision(&stored_form(&values));
            assert!(cosine(&values, &read) > 1.0 - 1e-6, "{values:?} became {read:?}");
        }
    }

    #[test]
    fn a_vector_of_about_unit_length_is_only_rounded() {
        let values = [0.6, 0.8 + 1e-3];
        assert_eq!(stored_form(&values), HalfVector::from_f32_slice(&values));
    }

    #[test]
    fn what_has_no_direction_cannot_be_stored() {
        assert!(unstorable(&[0.0, -0.0]).is_some_and(|reason| reason.contains("zero")));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(unstorable(&[1.0, value]).is_some_and(|reason| reason.contains("not a number")));
        }
    }
}
