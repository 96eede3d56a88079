//! What a number among the method's settings is, and how a part of the method (a controller, a reward, a context) tells
//! its own: once, as [`NumberSetting`]s, from which follow its typed fields, their defaults and checks, and the rows of every
//! table of settings.

use thiserror::Error;

/// A number among the settings of the method: all that a table of settings needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberSetting {
    /// The key in files, flags and results.
    pub key: &'static str,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// The value where none is given; whether it is whole says whether the setting is.
    pub default: SettingNumber,
    /// What it may be.
    pub bounds: Bounds,
}

/// The value of a [`NumberSetting`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingNumber {
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
}

/// The range of a [`NumberSetting`]. All are finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// Any number.
    Any,
    /// Above zero.
    Positive,
    /// Zero or above.
    NonNegative,
    /// Above 0, up to 1.
    Fraction,
    /// From 0 to 1, both included.
    Unit,
}

/// A setting outside its range. The words are the reference's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key} must be {rule}.")]
pub struct SettingError {
    /// The setting.
    pub key: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl NumberSetting {
    /// A real number.
    pub const fn real(key: &'static str, default: f64, bounds: Bounds, help: &'static str) -> Self {
        Self { key, help, default: SettingNumber::Real(default), bounds }
    }

    /// A whole number.
    pub const fn integer(key: &'static str, default: i64, bounds: Bounds, help: &'static str) -> Self {
        Self { key, help, default: SettingNumber::Integer(default), bounds }
    }

    /// Checks a value against the range.
    pub fn check(&self, value: SettingNumber) -> Result<(), SettingError> {
        let value = value.as_f64();
        let broken = match self.bounds {
            Bounds::Any => None,
            Bounds::Positive => (value <= 0.0).then_some("positive"),
            Bounds::NonNegative => (value < 0.0).then_some("non-negative"),
            // Written so that NaN is outside.
            Bounds::Fraction => (!(value > 0.0 && value <= 1.0)).then_some("in the interval (0, 1]"),
            Bounds::Unit => (!(0.0..=1.0).contains(&value)).then_some("in the interval [0, 1]"),
        };
        match broken.or((!value.is_finite()).then_some("finite")) {
            Some(rule) => Err(SettingError { key: self.key, rule }),
            None => Ok(()),
        }
    }
}

impl SettingNumber {
    /// The value as a float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Real(value) => value,
        }
    }
}

impl From<SettingNumber> for f64 {
    fn from(number: SettingNumber) -> Self {
        number.as_f64()
    }
}

/// A negative count is 0, which a checked one never is.
impl From<SettingNumber> for u64 {
    fn from(number: SettingNumber) -> Self {
        match number {
            SettingNumber::Integer(value) => value.max(0).unsigned_abs(),
            SettingNumber::Real(value) => value as Self,
        }
    }
}

impl From<SettingNumber> for usize {
    fn from(number: SettingNumber) -> Self {
        Self::try_from(u64::from(number)).unwrap_or(Self::MAX)
    }
}

impl From<f64> for SettingNumber {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<u64> for SettingNumber {
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for SettingNumber {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

/// The settings of one part of the method, as a type with a field for each. `settings!` writes it.
pub trait NumberSettings: Default {
    /// What there is to set, in the order of the checks.
    const SETTINGS: &'static [NumberSetting];

    /// Takes each value from a source.
    fn read(number: impl FnMut(&NumberSetting) -> SettingNumber) -> Self;

    /// The values, in order.
    fn numbers(&self) -> impl Iterator<Item = SettingNumber>;

    /// Checks every range.
    fn check(&self) -> Result<(), SettingError> {
        Self::SETTINGS.iter().zip(self.numbers()).try_for_each(|(setting, number)| setting.check(number))
    }
}

/// Declares the settings of a part of the method: a type whose fields take names, defaults and ranges from [`NumberSetting`]s.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $setting:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $setting.default.into(),)* }
            }
        }

        impl $crate::settings::NumberSettings for $name {
            const SETTINGS: &'static [$crate::settings::NumberSetting] = &[$($setting,)*];

            fn read(#[allow(unused_mut, unused_variables, reason = "a part may have no settings")] mut number: impl FnMut(&$crate::settings::NumberSetting) -> $crate::settings::SettingNumber) -> Self {
                Self { $($field: number(&$setting).into(),)* }
            }

            fn numbers(&self) -> impl Iterator<Item = $crate::settings::SettingNumber> {
                let numbers: [$crate::settings::SettingNumber; Self::SETTINGS.len()] = [$(self.$field.into(),)*];
                numbers.into_iter()
            }
        }
    };
}

pub(crate) use settings;
