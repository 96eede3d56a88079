//! The settings of the method as rows of the table. What there is to set, its help, default and range are told by
//! [`aees_control`]: a controller, a reward or a context that is added there is known here.

use aees_control::settings::{Bounds, SettingNumber};
use aees_control::{MethodRow, MethodSettings, MethodValue};
use serde_json::Value;

use super::error::{ConfigError, Place};
use super::fields::{FieldInfo, Range, Role, Tasks, type_error, unknown_key};
use super::value::ConfigValue;

/// A row of the table.
pub(super) fn field(row: MethodRow) -> FieldInfo {
    let range = match row.bounds {
        Bounds::Any => Range::Any,
        Bounds::Positive => Range::Positive,
        Bounds::NonNegative => Range::NonNegative,
        Bounds::Fraction => Range::Fraction,
        Bounds::Unit => Range::Unit,
    };
    FieldInfo { key: row.key, help: row.help, role: Role::Science, tasks: Tasks::All, range, choices: row.choices }
}

/// Sets a setting of the method from a value as a file or a flag gives it.
pub(super) fn set(settings: &mut MethodSettings, key: &str, value: &Value, place: &Place) -> Result<(), ConfigError> {
    let Some(field) = super::RunConfig::fields().iter().find(|field| field.key == key) else {
        return Err(unknown_key(key, place));
    };
    let read = match settings.get(key) {
        Some(MethodValue::Number(SettingNumber::Integer(_))) => MethodValue::Number(SettingNumber::Integer(
            i64::from_value(value).ok_or_else(|| type_error::<i64>(field.key, value, place))?,
        )),
        Some(MethodValue::Number(SettingNumber::Real(_))) => MethodValue::Number(SettingNumber::Real(
            f64::from_value(value).ok_or_else(|| type_error::<f64>(field.key, value, place))?,
        )),
        _ => MethodValue::Word(value.as_str().unwrap_or_default()),
    };
    // What is left to go wrong is a word that is not among the choices.
    settings.set(key, read).map_err(|_| ConfigError::Type {
        place: place.clone(),
        key: field.key,
        found: value.to_string(),
        expected: field.choices.join(", "),
    })
}

/// The value of a setting of the method, as results show it.
pub(super) fn get(settings: &MethodSettings, key: &str) -> Option<Value> {
    Some(match settings.get(key)? {
        MethodValue::Number(SettingNumber::Integer(value)) => value.to_value(),
        MethodValue::Number(SettingNumber::Real(value)) => value.to_value(),
        MethodValue::Word(word) => word.into(),
    })
}

/// The number in a setting of the method, for the range checks.
pub(super) fn number(settings: &MethodSettings, key: &str) -> Option<f64> {
    match settings.get(key)? {
        MethodValue::Number(number) => Some(number.as_f64()),
        MethodValue::Word(_) => None,
    }
}
