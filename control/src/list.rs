//! The lists that the method is made of. A controller, a reward or a context is a file with a type, and a line in the
//! list of its kind; the name that settings choose it by, its settings and its dispatch follow from that line.

use thiserror::Error;

use crate::settings::NumberSettings;

/// An entry of a list: it has a name, and settings.
pub trait ListEntry: NumberSettings {
    /// What settings and results call it.
    const NAME: &'static str;
    /// What it is, in a few words.
    const HELP: &'static str;
}

/// A word that is not one of the choices of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} must be one of [{}], got '{given}'.", sorted(.choices))]
pub struct UnknownChoice {
    /// The setting.
    pub field: &'static str,
    /// The choices.
    pub choices: &'static [&'static str],
    /// What was given.
    pub given: String,
}

/// Printed as Python prints a sorted list.
fn sorted(choices: &[&str]) -> String {
    let mut texts: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
    texts.sort_unstable();
    texts.join(", ")
}

/// Declares a choice between words: the words, their help, how they are read and written. The first is the default.
macro_rules! choice {
    ($(#[$doc:meta])* pub enum $name:ident = $key:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $word:expr, $help:expr;)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// The setting that chooses.
            pub const KEY: &'static str = $key;
            /// All choices; the first is the default.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Their words.
            pub const NAMES: &'static [&'static str] = &[$($word),+];

            /// The word.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What it is, in a few words.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::list::UnknownChoice;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let unknown = || $crate::list::UnknownChoice {
                    field: Self::KEY, choices: Self::NAMES, given: text.to_owned(),
                };
                Self::ALL.iter().copied().find(|choice| choice.name() == text).ok_or_else(unknown)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::list::UnknownChoice;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(choice: $name) -> Self {
                choice.name()
            }
        }
    };
}

/// Declares a list: the choice between its entries, and one of the entries with its settings.
macro_rules! list {
    (
        $(#[$name_doc:meta])* choice $name:ident = $key:literal;
        $(#[$doc:meta])* pub enum $entry:ident: $rule:path {
            $($(#[$variant_doc:meta])* $variant:ident($type:ty),)+
        }
    ) => {
        $crate::list::choice! {
            $(#[$name_doc])*
            pub enum $name = $key {
                $($(#[$variant_doc])* $variant = <$type as $crate::list::ListEntry>::NAME, <$type as $crate::list::ListEntry>::HELP;)+
            }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $entry { $($(#[$variant_doc])* $variant($type)),+ }

        impl $entry {
            /// Which entry of the list it is.
            pub fn choice(&self) -> $name {
                match self { $(Self::$variant(_) => $name::$variant),+ }
            }

            /// The entry of this name, with settings from a source.
            pub fn read(
                name: $name,
                number: impl FnMut(&$crate::settings::NumberSetting) -> $crate::settings::SettingNumber,
            ) -> Self {
                match name { $($name::$variant => Self::$variant($crate::settings::NumberSettings::read(number))),+ }
            }

            /// Its settings with their values.
            pub fn settings(&self) -> Vec<(&'static $crate::settings::NumberSetting, $crate::settings::SettingNumber)> {
                use $crate::settings::NumberSettings;
                match self {
                    $(Self::$variant(entry) => <$type>::SETTINGS.iter().zip(entry.numbers()).collect()),+
                }
            }

            /// Checks each of its settings against its range.
            pub fn check_ranges(&self) -> Result<(), $crate::settings::SettingError> {
                self.settings().iter().try_for_each(|(setting, number)| setting.check(*number))
            }

            /// What it does.
            pub(crate) fn rule(&self) -> &dyn $rule {
                match self { $(Self::$variant(entry) => entry),+ }
            }
        }

        impl $name {
            /// The settings of an entry.
            pub fn settings(self) -> &'static [$crate::settings::NumberSetting] {
                match self { $(Self::$variant => <$type as $crate::settings::NumberSettings>::SETTINGS),+ }
            }
        }

        impl Default for $entry {
            fn default() -> Self {
                Self::read($name::default(), |setting| setting.default)
            }
        }

        $(impl From<$type> for $entry {
            fn from(entry: $type) -> Self {
                Self::$variant(entry)
            }
        })+
    };
}

pub(crate) use {choice, list};
