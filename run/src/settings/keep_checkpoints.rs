//! Which checkpoints of a run stay: a number or a word.

use std::num::NonZeroUsize;

use serde_json::Value;

use super::value::{Fault, SettingValue};

/// Which checkpoints of a run stay on disk. They decide nothing of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepCheckpoints {
    /// So many of the newest, and that of the best epoch.
    Newest(NonZeroUsize),
    /// That of the best epoch; while the run trains the newest, too, so that it can go on after a stop.
    Best,
    /// None is written: a run that is stopped begins again.
    None,
}

impl KeepCheckpoints {
    /// How many of the newest there are while the run trains.
    pub fn newest(self) -> usize {
        match self {
            Self::Newest(count) => count.get(),
            Self::Best => 1,
            Self::None => 0,
        }
    }
}

impl SettingValue for KeepCheckpoints {
    fn expected() -> String {
        "a whole number above 0, best or none".into()
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        match value.as_str().map(str::trim) {
            Some("best") => Ok(Self::Best),
            Some("none") => Ok(Self::None),
            _ => NonZeroUsize::read(value).map(Self::Newest),
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Newest(count) => count.get().into(),
            Self::Best => "best".into(),
            Self::None => "none".into(),
        }
    }
}
