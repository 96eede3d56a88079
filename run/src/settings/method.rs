//! The settings of the method as rows of the table. What there is to set, its help, default and range are told by
//! [`aees_control`]: a controller, a reward or a context that is added there is known here.

use aees_control::settings::SettingNumber;
use aees_control::{MethodRow, MethodSettings, MethodValue};
use serde_json::Value;

use super::choices::ControlMode;
use super::error::{ConfigError, Place};
use super::info::{SettingInfo, science};
use super::number::check_bounds;
use super::value::{Fault, SettingValue};

/// A row of the table.
pub(super) fn setting(row: MethodRow) -> SettingInfo {
    let mut info = SettingInfo { key: row.key, help: row.help, choices: row.choices, ..science() };
    info = info.needs("control_mode", &[ControlMode::Adaptive.name()]);
    // One setting of several controllers has one chooser.
    match row.of.first() {
        Some((chooser, _)) => info.needs(chooser, &row.of.iter().map(|(_, word)| *word).collect::<Vec<_>>()),
        None => info,
    }
}

/// Sets a setting of the method from a value as a file or a flag gives it.
pub(super) fn set(
    settings: &mut MethodSettings,
    row: &SettingInfo,
    value: &Value,
    place: &Place,
) -> Result<(), ConfigError> {
    let within = |number: SettingNumber| match MethodSettings::bounds(row.key) {
        Some(bounds) => check_bounds(bounds, number.as_f64()).map(|()| MethodValue::Number(number)),
        None => Err(Fault::Type),
    };
    let read = match settings.get(row.key) {
        Some(MethodValue::Number(SettingNumber::Integer(_))) => {
            let number = i64::read(value).and_then(|number| within(SettingNumber::Integer(number)));
            number.map_err(|fault| ConfigError::fault::<i64>(fault, row.key, value, place))?
        }
        Some(MethodValue::Number(SettingNumber::Real(_))) => {
            let number = f64::read(value).and_then(|number| within(SettingNumber::Real(number)));
            number.map_err(|fault| ConfigError::fault::<f64>(fault, row.key, value, place))?
        }
        _ => MethodValue::Word(value.as_str().unwrap_or_default()),
    };
    // What is left to go wrong is a word that is not among the choices.
    settings.set(row.key, read).map_err(|_| ConfigError::Type {
        place: place.clone(),
        key: row.key,
        found: value.to_string(),
        expected: row.choices.join(", "),
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
