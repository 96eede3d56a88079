//! Numbers in the cells of tables: what is read, and what is sorted by.

use crate::number::four_decimals;

/// A number for a cell; a dash where there is none.
pub(super) fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".into(), four_decimals)
}

/// A number to sort by; nothing where there is none.
pub(super) fn sort_key(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}
