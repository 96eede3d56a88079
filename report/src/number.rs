//! Numbers as reports write them.

use aees_run::shown::is_share;

/// The shortest text that reads back as the same number, without a needless `.0`: `0.00005`, `200`, `1e-12`.
pub(crate) fn shortest(value: f64) -> String {
    let plain = format!("{value}");
    let short = format!("{value:e}");
    if plain.len() <= short.len() + 4 { plain } else { short }
}

/// How the values of a metric are written: accuracies in percent with two decimals, others as they are with four.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale {
    Percent,
    Plain,
}

impl Scale {
    /// By the metric's name and one of its values.
    pub(crate) fn of(metric: &str, value: f64) -> Self {
        if is_share(metric, value) { Self::Percent } else { Self::Plain }
    }

    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Percent => fixed(100.0 * value, 2),
            Self::Plain if value == 0.0 || (1e-3..1e6).contains(&value.abs()) => format!("{value:.4}"),
            // Four digits after the point would say nothing.
            Self::Plain => format!("{value:.3e}"),
        }
    }

    /// A value with its unit.
    pub(crate) fn shown(self, value: f64) -> String {
        self.text(value) + self.unit()
    }

    /// What stands behind the last of them.
    pub(crate) fn unit(self) -> &'static str {
        if matches!(self, Self::Percent) { " %" } else { "" }
    }
}

/// A few of the finite values of a curve, evenly, as heights from 0 for the least to `height` for the greatest. None of fewer
/// than two.
pub(crate) fn heights(curve: impl Iterator<Item = f64>, most: usize, height: f64) -> Vec<f64> {
    let finite: Vec<f64> = curve.filter(|value| value.is_finite()).collect();
    let count = finite.len().min(most);
    if count < 2 {
        return Vec::new();
    }
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let span = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low;
    let of = |value: f64| if span > 0.0 { height * (value - low) / span } else { height / 2.0 };
    (0..count).map(|index| of(finite[index * (finite.len() - 1) / (count - 1)])).collect()
}

/// Some digits after the point; no minus before a rounded zero, which says nothing.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    without_minus_zero(format!("{value:.decimals$}"))
}

/// As short as it can be said, for the labels of axes: `0.005`, `200`, `−1e-7`.
pub(crate) fn label(value: f64) -> String {
    let size = value.abs();
    if value != 0.0 && !(1e-4..1e6).contains(&size) {
        return with_typographic_minus(format!("{value:e}"));
    }
    let rounded = format!("{value:.6}");
    with_typographic_minus(without_minus_zero(rounded.trim_end_matches('0').trim_end_matches('.').to_owned()))
}

/// The minus that print has, where a number has one.
pub(crate) fn with_typographic_minus(number: String) -> String {
    match number.strip_prefix('-') {
        Some(rest) => format!("−{rest}"),
        None => number,
    }
}

fn without_minus_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => zero.to_owned(),
        _ => text,
    }
}

/// A rate in percent, without what binary fractions add: 0.2 is 20, 0.125 is 12.5.
pub(crate) fn percent(rate: f64) -> f64 {
    (rate * 1e9).round() / 1e7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_axes_are_short() {
        assert_eq!([0.005, 200.0, -0.5, -0.0].map(label), ["0.005", "200", "−0.5", "0"]);
    }

    #[test]
    fn a_rounded_zero_has_no_minus() {
        assert_eq!([-0.004, -0.006, 1.25].map(|value| fixed(value, 2)), ["0.00", "-0.01", "1.25"]);
    }
}
