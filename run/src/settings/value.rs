//! How one setting is read and written: from a YAML value or the text of a flag into its type, and back.
//!
//! Both sources go through the same conversion, so `--lr 1e-3`, `--set lr=1e-3` and `lr: 1e-3` mean the same and
//! fail with the same words. Ranges are checked afterwards, by [`RunConfig::validate`](super::RunConfig::validate).

use aees_control::python_float;
use serde_json::Value;

/// A type that a setting can have.
pub trait ConfigValue: Sized {
    /// What a user may write, for messages and help: `an integer`, `none, cosine, ...`.
    fn expected() -> String;
    /// The words to choose from, when there are only so many.
    fn choices() -> &'static [&'static str] {
        &[]
    }
    /// Reads the value; `None` when it is not of this type.
    fn from_value(value: &Value) -> Option<Self>;
    /// Writes the value as the RunResult's `config` and `config.yaml` show it.
    fn to_value(&self) -> Value;
    /// A closer word on why a value is not of this type, where the reference has one.
    fn refusal(_key: &str, _value: &Value) -> Option<String> {
        None
    }
    /// The number to check the range of, if the type has one. An absent optional value has none.
    fn number(&self) -> Option<f64> {
        None
    }
}

impl ConfigValue for i64 {
    fn expected() -> String {
        "an integer".into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        (*self).into()
    }
    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl ConfigValue for f64 {
    fn expected() -> String {
        "a number".into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => python_float::parse(text),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        // JSON has no infinities or NaN: they become null, and the range check refuses them before that.
        serde_json::Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl ConfigValue for bool {
    fn expected() -> String {
        "true or false".into()
    }
    fn choices() -> &'static [&'static str] {
        &["true", "false"]
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        (*self).into()
    }
}

impl ConfigValue for String {
    fn expected() -> String {
        "a text".into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            // An unquoted run tag such as `2026` is a number to YAML and a text to the user.
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        self.clone().into()
    }
}

/// Absent is `null`, the empty text or `none`.
impl<T: ConfigValue> ConfigValue for Option<T> {
    fn expected() -> String {
        format!("{} or none", T::expected())
    }
    fn choices() -> &'static [&'static str] {
        T::choices()
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::String(text) if matches!(text.trim(), "" | "none" | "null") => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, ConfigValue::to_value)
    }
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(ConfigValue::number)
    }
}

/// A text that is read and never shown: it is `null` wherever a configuration is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Option<String>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() { "Secret(given)" } else { "Secret(none)" })
    }
}

impl ConfigValue for Secret {
    fn expected() -> String {
        "a text".into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        Option::from_value(value).map(Self)
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
}

/// Values to choose from: `0.5,1,2` on the command line, `[0.5, 1, 2]` in a file. Which values may stand in it is the
/// controller's to say (`aees_control::CandidateSet`); here it is only read.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateList(pub Vec<f64>);

impl CandidateList {
    /// The stripped pieces of a list as typed; empty ones are skipped, as the reference does.
    fn pieces(text: &str) -> impl Iterator<Item = &str> {
        text.split(',').map(str::trim).filter(|piece| !piece.is_empty())
    }
}

impl ConfigValue for CandidateList {
    fn expected() -> String {
        "numbers separated by commas".into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64().map(|number| Self(vec![number])),
            Value::String(text) => Self::pieces(text).map(python_float::parse).collect::<Option<_>>().map(Self),
            Value::Array(items) => items.iter().map(f64::from_value).collect::<Option<_>>().map(Self),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        Value::Array(self.0.iter().map(ConfigValue::to_value).collect())
    }
    fn refusal(key: &str, value: &Value) -> Option<String> {
        let bad = Self::pieces(value.as_str()?).find(|piece| python_float::parse(piece).is_none())?;
        Some(format!("Invalid value '{bad}' in {key}."))
    }
}

/// Declares an enum whose values are words in the configuration.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// The word that stands for this value in flags, files and results.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::settings::value::ConfigValue for $name {
            fn expected() -> String {
                Self::choices().join(", ")
            }
            fn choices() -> &'static [&'static str] {
                &[$($text),+]
            }
            fn from_value(value: &serde_json::Value) -> Option<Self> {
                match value.as_str()? { $($text => Some(Self::$variant),)+ _ => None }
            }
            fn to_value(&self) -> serde_json::Value {
                self.name().into()
            }
        }
    };
}
pub(crate) use choice;
