//! Reading values of an unknown file: the type that is wanted, or nothing.

use serde_json::{Map, Number, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The entry `key`, if it is an object.
pub(super) fn object<'a>(parent: &'a Object, key: &str) -> Option<&'a Object> {
    parent.get(key)?.as_object()
}

/// The entry `key`, if it is an array.
pub(super) fn array<'a>(parent: &'a Object, key: &str) -> Option<&'a [Value]> {
    parent.get(key)?.as_array().map(Vec::as_slice)
}

/// The entry `key`, if it is an integer or a float.
pub(super) fn number(parent: &Object, key: &str) -> Option<f64> {
    parent.get(key)?.as_f64()
}

/// The entry `key`, if it is an integer. `5.0` is not.
pub(super) fn integer(parent: &Object, key: &str) -> Option<i64> {
    parent.get(key)?.as_i64()
}

/// The entry `key`, if it is an array of numbers only.
pub(super) fn numbers(parent: &Object, key: &str) -> Option<Vec<f64>> {
    array(parent, key)?.iter().map(Value::as_f64).collect()
}

/// The entry `key` whatever it is; null if there is none.
pub(super) fn anything(parent: &Object, key: &str) -> Value {
    parent.get(key).cloned().unwrap_or(Value::Null)
}

/// The entry `key`, if it is a boolean; else null.
pub(super) fn boolean_or_null(parent: &Object, key: &str) -> Value {
    Value::from(parent.get(key).and_then(Value::as_bool))
}

/// `numerator / denominator`, or nothing if either is missing or the denominator is zero.
pub(super) fn ratio(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    match (numerator, denominator) {
        (Some(numerator), Some(denominator)) if denominator != 0.0 => Some(numerator / denominator),
        _ => None,
    }
}

/// A float as JSON; null if there is none or if an overflow made it infinite.
pub(super) fn float_or_null(value: Option<f64>) -> Value {
    value.and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// Floats as a JSON array; null if there are none.
pub(super) fn floats_or_null(values: Option<&[f64]>) -> Value {
    values.map_or(Value::Null, |values| values.iter().map(|value| float_or_null(Some(*value))).collect())
}
