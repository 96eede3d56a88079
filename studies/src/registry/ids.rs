//! Ids as types, so that a run's and a setting's cannot be taken for each other.

use std::fmt;
use std::str::FromStr;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use super::RegistryError;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// All 64 digits.
            pub fn full(&self) -> &str {
                &self.0
            }

            /// The first 16 digits: what people see.
            pub fn short(&self) -> &str {
                self.0.get(..16).unwrap_or(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = RegistryError;

            /// Takes exactly 64 lower-case hexadecimal digits.
            fn from_str(text: &str) -> Result<Self, RegistryError> {
                if text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(RegistryError::NotAnId { text: text.to_owned() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.short())
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            // Constraints of the table hold the form.
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                String::column_result(value).map(Self)
            }
        }
    };
}

hash_id! {
    /// The hash of a task, a setting and a seed. Displayed shortened to 16 digits.
    RunId
}

hash_id! {
    /// The hash of a task and a setting: what all its seeds share. Displayed shortened to 16 digits.
    ConfigId
}
