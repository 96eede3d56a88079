//! Configuration files: YAML, one setting a line, every key with its place for the messages.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::error::{ConfigError, Place};
use crate::artifact::FileError;
use crate::input;

/// The settings of a file in its order, each with its place. `task` is among them.
///
/// # Errors
/// A file that cannot be read, is not YAML, is not a map, or repeats a key.
pub fn read_file(path: &Path) -> Result<Vec<(String, Value, Place)>, ConfigError> {
    let text = input::read_text(path).map_err(FileError::at("read the configuration file", path))?;
    let Entries(entries) = serde_saphyr::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        let place = Place::File { path: path.to_owned(), line, column };
        ConfigError::Syntax { place, message: in_words(error.without_snippet()) }
    })?;
    let placed = entries.into_iter().map(|(key, value)| {
        let (line, column) = (key.referenced.line(), key.referenced.column());
        (key.value, value, Place::File { path: path.to_owned(), line, column })
    });
    Ok(placed.collect())
}

/// What is wrong, without the names of the library's options and functions.
fn in_words(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is there twice"),
        Error::DuplicateMappingKey { .. } => "a key is there twice".into(),
        Error::MultipleDocuments { .. } => "the file holds several documents; a configuration is one".into(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "it is too large, too deep or has too many aliases for a configuration: one `key: value` a line".into()
        }
        // What an alias stands for.
        Error::AliasError { error, .. } => in_words(error),
        other => other.to_string(),
    }
}

/// A YAML map with the places of its keys, in its order.
struct Entries(Vec<(Spanned<String>, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("settings, one `key: value` a line")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries(Vec::new()))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
