//! Numbers in the cells of tables: what is read, and what is sorted by.

use crate::number::Scale;

/// The value of a metric for a cell; a dash where there is none.
pub(super) fn value(metric: &str, value: Option<f64>) -> String {
    let text = |value| {
        let scale = Scale::of(metric, value);
        format!("{}{}", scale.text(value), scale.unit())
    };
    value.filter(|value| value.is_finite()).map_or_else(|| "–".into(), text)
}

/// A number to sort by; nothing where there is none.
pub(super) fn sort_key(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}
