//! Text with `{key}` places: `{{` and `}}` are braces.
//!
//! It is filled in two steps: with a run's settings when the study is planned, and with what only the launcher knows (device
//! and threads) when the run starts. Between them it is a text again, in which what was filled in is escaped.

use aees_run::settings::Place;
use serde::{Deserialize, Serialize};

/// Text with places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    parts: Vec<Part>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Key(String),
}

impl Template {
    /// Reads a template; `None` when a brace has no partner or a place no name.
    pub fn parse(source: &str) -> Option<Self> {
        let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), source);
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                text.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let key = brace.strip_prefix('{')?.split_once('}')?.0;
            if key.is_empty() || key.contains('{') {
                return None;
            }
            parts.extend((!text.is_empty()).then(|| Part::Text(std::mem::take(&mut text))));
            parts.push(Part::Key(key.to_owned()));
            rest = &brace[key.len() + 2..];
        }
        text.push_str(rest);
        parts.extend((!text.is_empty()).then_some(Part::Text(text)));
        Some(Self { parts, place: Place::Resolved })
    }

    /// Text without places.
    pub fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())], place: Place::Resolved }
    }

    pub(super) fn at(self, place: &Place) -> Self {
        Self { place: place.clone(), ..self }
    }

    /// Where it is written.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The text as it is written in a file.
    pub fn source(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Part::Key(key) => format!("{{{key}}}"),
        };
        self.parts.iter().map(part).collect()
    }

    /// The names of its places.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Key(key) => Some(key.as_str()),
        })
    }

    /// Fills the places that have a value; the others stay.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Self {
        self.with_places(|key| value(key).map(Part::Text))
    }

    /// Names places otherwise.
    pub(super) fn rename(&self, name: impl Fn(&str) -> String) -> Self {
        self.with_places(|key| Some(Part::Key(name(key))))
    }

    fn with_places(&self, other: impl Fn(&str) -> Option<Part>) -> Self {
        let part = |part: &Part| match part {
            Part::Key(key) => other(key).unwrap_or_else(|| part.clone()),
            Part::Text(_) => part.clone(),
        };
        Self { parts: self.parts.iter().map(part).collect(), place: self.place.clone() }
    }

    /// The text, when every place is filled.
    ///
    /// # Errors
    /// The first place that is not.
    pub fn text(&self) -> Result<String, &str> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(text.as_str()),
                Part::Key(key) => Err(key.as_str()),
            })
            .collect()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.source()
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        Self::parse(&source).ok_or_else(|| format!("{source:?} has a brace without its partner"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_is_no_place() {
        let template = Template::parse("--x={a} {{b}} {device}").unwrap();
        assert_eq!(template.keys().collect::<Vec<_>>(), ["a", "device"]);
        let filled = template.fill(|key| (key == "a").then(|| "{device}".to_owned()));
        assert_eq!(filled.text(), Err("device"));
        let read = Template::try_from(String::from(filled)).unwrap();
        assert_eq!(read.fill(|_| Some("cpu".into())).text().unwrap(), "--x={device} {b} cpu");
        for broken in ["{", "}", "{}", "{a", "a}", "{a{b}}"] {
            assert_eq!(Template::parse(broken), None, "{broken}");
        }
    }
}
