//! The rolling mean that figures share.

/// A centred rolling mean over an odd window; towards the ends the window loses what is not there, as the reference's does.
pub(super) fn rolling_mean(values: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    let mean = |index: usize| {
        let part = &values[index.saturating_sub(half)..(index + half + 1).min(values.len())];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_mean_is_centred_and_shrinks_at_the_ends() {
        assert_eq!(rolling_mean(&[1.0, 2.0, 3.0, 4.0, 10.0], 3), [1.5, 2.0, 3.0, 17.0 / 3.0, 7.0]);
        assert_eq!(rolling_mean(&[1.0, 5.0], 1), [1.0, 5.0]);
    }
}
