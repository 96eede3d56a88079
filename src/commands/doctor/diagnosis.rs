//! One thing that was looked at: how it is, in words for people and as facts for programs, and what to do about it.

use aees_run::printable::printable;
use serde_json::{Map, Value, json};

use crate::stdout::{painted, takes_colours};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// As it should be.
    Fine,
    /// Training works, and something could be better.
    Note,
    /// Something that has to be put right first.
    Wrong,
}

impl Health {
    /// The word for it, and its colour.
    fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Fine => ("ok", "\x1b[32m"),
            Self::Note => ("note", "\x1b[33m"),
            Self::Wrong => ("wrong", "\x1b[31m"),
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    pub(crate) subject: String,
    pub(crate) health: Health,
    text: String,
    /// What to do about it.
    help: Option<String>,
    facts: Map<String, Value>,
}

impl Diagnosis {
    /// As it should be.
    pub(crate) fn fine(subject: impl Into<String>, text: impl Into<String>) -> Self {
        let (subject, text) = (subject.into(), text.into());
        Self { subject, health: Health::Fine, text, help: None, facts: Map::new() }
    }

    /// Not the best, with the way to better it.
    pub(crate) fn note(subject: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { health: Health::Note, help: Some(help.into()), ..Self::fine(subject, text) }
    }

    /// In the way, with the way out.
    pub(crate) fn wrong(subject: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { health: Health::Wrong, help: Some(help.into()), ..Self::fine(subject, text) }
    }

    /// With what programs want to know of it: the keys of an object.
    pub(crate) fn with(mut self, facts: Value) -> Self {
        if let Value::Object(facts) = facts {
            self.facts.extend(facts);
        }
        self
    }

    /// Its lines for people, subjects filled up to a width.
    pub(crate) fn lines(&self, widest: usize) -> Vec<String> {
        let Self { subject, text, .. } = self;
        let (health, colour) = self.health.shown();
        let health = painted(colour, format_args!("{health:<5}"), takes_colours(&std::io::stdout()));
        let line = format!("  {health}  {:<widest$}  {}", printable(subject), printable(text));
        let help = self.help.iter().map(|help| format!("{:9}{:widest$}  help: {}", "", "", printable(help)));
        [line].into_iter().chain(help).collect()
    }

    /// The same for programs.
    pub(crate) fn to_json(&self, section: &str) -> Value {
        let Self { subject, text, help, facts, .. } = self;
        let (health, _) = self.health.shown();
        json!({"section": section, "subject": subject, "health": health, "text": text, "help": help, "facts": facts})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_stands_below_what_it_helps_with() {
        let diagnosis = Diagnosis::note("threads", "1 of 8", "unset\x1b[2J it").with(json!({"threads": 1}));
        assert_eq!(diagnosis.lines(9), ["  note   threads    1 of 8", "                    help: unset it"]);
        assert_eq!(diagnosis.to_json("processor")["facts"]["threads"], 1);
    }
}
