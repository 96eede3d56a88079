//! How one setting is read and written: from a YAML value or the text of a flag into its type, and back.
//!
//! Both sources go through the same conversion, so `--lr 1e-3`, `--set lr=1e-3` and `lr: 1e-3` mean the same and
//! fail with the same words. A type holds only what is within its range.

use aees_control::python_float;
use serde_json::Value;

/// Why a value cannot be that of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has another type.
    Type,
    /// It must be something else: `positive`.
    Range(&'static str),
    /// This piece of a list is no number.
    Piece(String),
}

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// What a user may write, for messages and help: `an integer`, `none, cosine, ...`.
    fn expected() -> String;
    /// The words to choose from, when there are only so many.
    fn choices() -> &'static [&'static str] {
        &[]
    }
    /// Reads the value.
    ///
    /// # Errors
    /// When it is not of this type, or not within its range.
    fn read(value: &Value) -> Result<Self, Fault>;
    /// Writes the value as the RunResult's `config` and `config.yaml` show it.
    fn to_value(&self) -> Value;
    /// Whether the value must never be shown.
    const SECRET: bool = false;
    /// The text to make a path of, if there is one.
    fn text_mut(&mut self) -> Option<&mut String> {
        None
    }
}

impl SettingValue for bool {
    fn expected() -> String {
        "true or false".into()
    }
    fn choices() -> &'static [&'static str] {
        &["true", "false"]
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
        .ok_or(Fault::Type)
    }
    fn to_value(&self) -> Value {
        (*self).into()
    }
}

impl SettingValue for String {
    fn expected() -> String {
        "a text".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::String(text) => Ok(text.clone()),
            // An unquoted run tag such as `2026` is a number to YAML and a text to the user.
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(Fault::Type),
        }
    }
    fn to_value(&self) -> Value {
        self.clone().into()
    }
    fn text_mut(&mut self) -> Option<&mut String> {
        Some(self)
    }
}

/// Absent is `null`, the empty text or `none`.
impl<T: SettingValue> SettingValue for Option<T> {
    fn expected() -> String {
        format!("{} or none", T::expected())
    }
    fn choices() -> &'static [&'static str] {
        T::choices()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) if matches!(text.trim(), "" | "none" | "null") => Ok(None),
            other => match T::read(other) {
                // The reference says so.
                Err(Fault::Range("positive")) => Err(Fault::Range("positive when provided")),
                read => read.map(Some),
            },
        }
    }
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, SettingValue::to_value)
    }
    fn text_mut(&mut self) -> Option<&mut String> {
        self.as_mut().and_then(SettingValue::text_mut)
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

impl SettingValue for Secret {
    const SECRET: bool = true;
    fn expected() -> String {
        "a text".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        Option::read(value).map(Self)
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
}

/// Values to choose from: `0.5,1,2` on the command line, `[0.5, 1, 2]` in a file. Which values may stand in it is the
/// controller's to say (`aees_control::CandidateSet`); here it is only read.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateList(pub Vec<f64>);

impl SettingValue for CandidateList {
    fn expected() -> String {
        "numbers separated by commas".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        let values = match value {
            Value::Number(_) => f64::read(value).map(|number| vec![number]),
            // Empty pieces are skipped, as the reference does.
            Value::String(text) => {
                let pieces = text.split(',').map(str::trim).filter(|piece| !piece.is_empty());
                pieces.map(|piece| python_float::parse(piece).ok_or_else(|| Fault::Piece(piece.to_owned()))).collect()
            }
            Value::Array(items) => items.iter().map(f64::read).collect(),
            _ => Err(Fault::Type),
        };
        values.map(Self)
    }
    fn to_value(&self) -> Value {
        Value::Array(self.0.iter().map(SettingValue::to_value).collect())
    }
}

/// Declares an enum whose values are words in the configuration.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// The word that stands for this value in flags, files and results.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::settings::value::SettingValue for $name {
            fn expected() -> String {
                Self::choices().join(", ")
            }
            fn choices() -> &'static [&'static str] {
                &[$($text),+]
            }
            fn read(value: &serde_json::Value) -> Result<Self, $crate::settings::value::Fault> {
                match value.as_str() { $(Some($text) => Ok(Self::$variant),)+ _ => Err($crate::settings::value::Fault::Type) }
            }
            fn to_value(&self) -> serde_json::Value {
                self.name().into()
            }
        }
    };
}
pub(crate) use choice;
