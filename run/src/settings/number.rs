//! Numbers that are within their range from the moment they are read, in the reference's words when they are not.

use std::num::{NonZeroU64, NonZeroUsize};

use aees_control::python_float;
use aees_control::settings::Bounds;
use serde_json::Value;

use super::value::{Fault, SettingValue};

/// A range that is left, in words. Written so that NaN is outside every range.
pub(super) fn check(holds: bool, rule: &'static str, value: f64) -> Result<(), Fault> {
    match (holds, value.is_finite()) {
        (true, true) => Ok(()),
        (true, false) => Err(Fault::Range("finite")),
        (false, _) => Err(Fault::Range(rule)),
    }
}

/// The range of a setting of the method.
pub(super) fn check_bounds(bounds: Bounds, value: f64) -> Result<(), Fault> {
    match bounds {
        Bounds::Any => check(!value.is_nan(), "a number", value),
        Bounds::Positive => check(value > 0.0, "positive", value),
        Bounds::NonNegative => check(value >= 0.0, "non-negative", value),
        Bounds::Fraction => check(value > 0.0 && value <= 1.0, "in (0, 1]", value),
        Bounds::Unit => check((0.0..=1.0).contains(&value), "in [0, 1]", value),
    }
}

impl SettingValue for i64 {
    fn expected() -> String {
        "an integer".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
        .ok_or(Fault::Type)
    }
    fn to_value(&self) -> Value {
        (*self).into()
    }
}

impl SettingValue for f64 {
    fn expected() -> String {
        "a number".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => python_float::parse(text),
            _ => None,
        }
        .ok_or(Fault::Type)
    }
    fn to_value(&self) -> Value {
        // JSON has no infinities or NaN. No setting holds one.
        serde_json::Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

impl SettingValue for u64 {
    fn expected() -> String {
        i64::expected()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::try_from(i64::read(value)?).map_err(|_| Fault::Range("non-negative"))
    }
    fn to_value(&self) -> Value {
        (*self).into()
    }
}

macro_rules! counts {
    ($($type:ty),+) => {$(
        impl SettingValue for $type {
            fn expected() -> String {
                i64::expected()
            }
            fn read(value: &Value) -> Result<Self, Fault> {
                // Whole numbers from 1 on that are too large are no integers of this machine.
                let number = i64::read(value)?;
                let count = if number > 0 { number.try_into().map_err(|_| Fault::Type)? } else { 0 };
                Self::new(count).ok_or(Fault::Range("positive"))
            }
            fn to_value(&self) -> Value {
                self.get().into()
            }
        }
    )+};
}

counts!(NonZeroU64, NonZeroUsize);

macro_rules! reals {
    ($($(#[$meta:meta])* $name:ident: $rule:literal if $holds:expr;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(pub(super) f64);

        impl $name {
            /// The number.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl SettingValue for $name {
            fn expected() -> String {
                f64::expected()
            }
            fn read(value: &Value) -> Result<Self, Fault> {
                let number = f64::read(value)?;
                let holds: fn(f64) -> bool = $holds;
                check(holds(number), $rule, number).map(|()| Self(number))
            }
            fn to_value(&self) -> Value {
                self.0.to_value()
            }
        }
    )+};
}

reals! {
    /// A finite number above zero.
    Positive: "positive" if |number| number > 0.0;
    /// A finite number from zero on.
    NonNegative: "non-negative" if |number| number >= 0.0;
    /// A number from 0 to 1, both included.
    Share: "in [0, 1]" if |number| (0.0..=1.0).contains(&number);
    /// A number from 0 up to, not including, 1.
    ShareBelowOne: "in [0, 1)" if |number| (0.0..1.0).contains(&number);
}
