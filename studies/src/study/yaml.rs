//! YAML as it was written: every value with its line, column and tag, every scalar as its text.
//!
//! A study's scalars are typed by the settings they go into and not by a reader's guess, so `1e-3`, `on` and `007` must
//! arrive here as they stand in the file. The events come from granit-parser, the parser beneath the one that reads
//! single-run files. Anchors and merge keys (`<<`) are resolved here, within a bound; what the values mean is left to
//! the other modules.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aees_run::input;
use aees_run::settings::Place;
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::error::{StudyError, StudyProblem};

/// Values of one file, aliases replaced by what they stand for. A thousand times more than any study needs, and few
/// enough that a file whose anchors multiply is refused at once.
const MAX_VALUES: usize = 100_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct YamlNode {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) tag: Option<MergeTag>,
}

/// What a value is, before anybody says of which type it should be.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A scalar; `plain` when it was written without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<YamlNode>),
    Map(Vec<YamlEntry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct YamlEntry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: YamlNode,
}

/// What a tag asks of merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeTag {
    /// `!replace`: the map replaces the one below instead of being merged into it.
    Replace,
    /// `!remove`: the key is deleted.
    Remove,
}

impl YamlNode {
    /// Whether nothing stands there: an empty plain scalar, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The items of a list; anything else is one.
    pub(super) fn one_or_more(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { std::slice::from_ref(self) }
    }

    /// The texts of a list; none where it is no list, or not of texts only.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        if let Kind::List(items) = &self.kind { items.iter().map(Self::text).collect() } else { None }
    }

    /// What stands there, for messages.
    pub(super) fn what(&self) -> String {
        match &self.kind {
            _ if self.is_null() => "nothing".into(),
            Kind::Scalar { text, .. } => format!("`{text}`"),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
        }
    }

    /// The value for a setting that knows its own type: numbers that print as they were written are numbers, other
    /// scalars are their text.
    pub(super) fn as_written(&self) -> Value {
        match &self.kind {
            _ if self.is_null() => Value::Null,
            Kind::Scalar { text, plain: true } => match text.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => match number(text) {
                    Some(number) if number.to_string() == *text => Value::Number(number),
                    _ => Value::String(text.clone()),
                },
            },
            Kind::Scalar { text, .. } => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::as_written).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.as_written())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The value by the core schema of YAML 1.2: for configurations without a type.
    ///
    /// # Errors
    /// NaN and the infinities, which JSON and identities do not have.
    pub(super) fn resolved(&self) -> Result<Value, StudyError> {
        Ok(match &self.kind {
            _ if self.is_null() => Value::Null,
            Kind::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
                _ if is_not_finite(text) => {
                    return Err(StudyError::at(&self.place, StudyProblem::NotFinite { text: text.clone() }));
                }
                _ => number(text).map_or_else(|| Value::String(text.clone()), Value::Number),
            },
            Kind::Scalar { text, .. } => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::resolved).collect::<Result<_, _>>()?),
            Kind::Map(entries) => {
                let entries = entries.iter().map(|entry| Ok((entry.key.clone(), entry.value.resolved()?)));
                Value::Object(entries.collect::<Result<_, StudyError>>()?)
            }
        })
    }

    /// The values beneath and the value itself.
    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// The number that a plain scalar is in the core schema: decimal, `0o` and `0x` integers, and floats. A float too
/// large to be finite is none.
pub(super) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.len() < text.len() && digits.starts_with(['+', '-']) {
        return None;
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return i64::from_str_radix(hexadecimal, 16).ok().map(Number::from);
    }
    if let Ok(integer) = digits.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return Some(integer.into());
    }
    float(digits).filter(|float| float.is_finite()).and_then(Number::from_f64)
}

/// A float as YAML writes it. Rust also reads `inf` and `nan`, which are words in YAML, and whole numbers of any length,
/// whose last digits a float would lose.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_float = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.contains(['.', 'e', 'E'])
        && unsigned.chars().any(|character| character.is_ascii_digit());
    if is_float { text.parse().ok() } else { None }
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    float(text).is_some_and(f64::is_infinite) || matches!(unsigned, ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF")
}

/// Where a file begins.
pub(super) fn start_of(path: &Path) -> Place {
    Place::File { path: path.to_owned(), line: 1, column: 1 }
}

/// Reads a file that holds one map.
///
/// # Errors
/// A file that cannot be read, is not YAML, is not one map, or has duplicate keys, unknown tags or anchors that contain
/// themselves or multiply: all of them, but for a syntax error, after which nothing is known.
pub(super) fn read_map(path: &Path) -> Result<Vec<YamlEntry>, Vec<StudyError>> {
    let text = input::read_text(path).map_err(|source| {
        let problem = StudyProblem::Read { path: path.to_owned(), reason: source.to_string() };
        vec![StudyError::at(&Place::Resolved, problem)]
    })?;
    let mut reader = YamlReader::new(&text, path);
    let node = reader.document().map_err(|error| {
        let mut errors = std::mem::take(&mut reader.errors);
        errors.push(error);
        errors
    })?;
    let mut errors = reader.errors;
    let entries = match node {
        Some(YamlNode { kind: Kind::Map(entries), .. }) => entries,
        None => Vec::new(),
        Some(other) => {
            let (what, expected) = ("the file".into(), "`key: value` lines".into());
            errors.push(StudyError::at(&start_of(path), StudyProblem::Wrong { what, expected, found: other.what() }));
            Vec::new()
        }
    };
    if errors.is_empty() { Ok(entries) } else { Err(errors) }
}

/// Reads a value given on the command line.
///
/// # Errors
/// Text that is not YAML.
pub(super) fn read_value(text: &str, place: &Place) -> Result<YamlNode, StudyError> {
    let mut reader = YamlReader::new(text, Path::new(""));
    reader.fixed_place = Some(place.clone());
    let node = reader.document()?;
    match reader.errors.pop() {
        Some(error) => Err(error),
        None => {
            let kind = Kind::Scalar { text: String::new(), plain: true };
            Ok(node.unwrap_or(YamlNode { kind, place: place.clone(), tag: None }))
        }
    }
}

struct YamlReader<'text> {
    parser: Parser<'text, StrInput<'text>>,
    path: PathBuf,
    /// Where everything is said to stand, for text that is in no file.
    fixed_place: Option<Place>,
    /// Finished anchors with their sizes.
    anchors: HashMap<usize, (YamlNode, usize)>,
    values: usize,
    errors: Vec<StudyError>,
}

impl<'text> YamlReader<'text> {
    fn new(text: &'text str, path: &Path) -> Self {
        let parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let (anchors, errors) = (HashMap::new(), Vec::new());
        Self { parser, path: path.to_owned(), fixed_place: None, anchors, values: 0, errors }
    }

    /// The only document of the text; `None` when it holds nothing.
    fn document(&mut self) -> Result<Option<YamlNode>, StudyError> {
        let mut document = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                other if document.is_none() => document = Some(self.node(other, span)?),
                _ => return Err(StudyError::at(&self.place(&span), StudyProblem::Syntax("a second document".into()))),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'text>, Span), StudyError> {
        loop {
            match self.parser.next_event() {
                None => return Ok((Event::StreamEnd, Span::default())),
                Some(Ok((Event::Anchor(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => {
                    let mark = error.marker();
                    let place = self.place_of(mark.line(), mark.col());
                    return Err(StudyError::at(&place, StudyProblem::Syntax(error.info().to_string())));
                }
            }
        }
    }

    fn place(&self, span: &Span) -> Place {
        self.place_of(span.start.line(), span.start.col())
    }

    /// The parser counts columns from 0.
    fn place_of(&self, line: usize, column: usize) -> Place {
        self.fixed_place.clone().unwrap_or_else(|| Place::File {
            path: self.path.clone(),
            line: line as u64,
            column: column as u64 + 1,
        })
    }

    fn node(&mut self, event: Event<'text>, span: Span) -> Result<YamlNode, StudyError> {
        let place = self.place(&span);
        self.count(1, &place)?;
        let (kind, anchor, tag) = match event {
            Event::Alias(anchor) => return self.alias(anchor, &place),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.as_ref().is_some_and(|tag| tag.core_suffix() == Some("str"));
                let plain = style == ScalarStyle::Plain && !is_text;
                (Kind::Scalar { text: text.into_owned(), plain }, anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => (Kind::List(self.list()?), anchor, tag),
            Event::MappingStart(_, anchor, tag) => (Kind::Map(self.map()?), anchor, tag),
            _ => return Err(StudyError::at(&place, StudyProblem::Syntax("a value is missing".into()))),
        };
        let tag = tag.and_then(|tag| self.merge_tag(&tag, &place));
        let node = YamlNode { kind, place, tag };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), node.size()));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<YamlNode, StudyError> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            // The parser knows the anchor, and its value is not finished: it is within itself.
            return Err(StudyError::at(place, StudyProblem::AnchorCycle));
        };
        let (mut node, size) = (node.clone(), *size);
        self.count(size, place)?;
        node.place = place.clone();
        Ok(node)
    }

    fn count(&mut self, more: usize, place: &Place) -> Result<(), StudyError> {
        self.values += more;
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(StudyError::at(place, StudyProblem::TooManyValues { limit: MAX_VALUES }))
    }

    fn merge_tag(&mut self, tag: &Tag, place: &Place) -> Option<MergeTag> {
        match (tag.original().as_str(), tag.core_suffix()) {
            ("!replace", _) => Some(MergeTag::Replace),
            ("!remove", _) => Some(MergeTag::Remove),
            (_, Some("str" | "int" | "float" | "bool" | "null" | "seq" | "map")) => None,
            (other, _) => {
                self.errors.push(StudyError::at(place, StudyProblem::UnknownTag { tag: other.to_owned() }));
                None
            }
        }
    }

    fn list(&mut self) -> Result<Vec<YamlNode>, StudyError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<YamlEntry>, StudyError> {
        let mut entries: Vec<YamlEntry> = Vec::new();
        let mut merged: Vec<YamlNode> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let place = self.place(&span);
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, span)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            let Kind::Scalar { text: key, .. } = key.kind else {
                self.errors.push(StudyError::at(&place, StudyProblem::Syntax("a key must be one word".into())));
                continue;
            };
            if is_merge {
                merged.push(value);
            } else if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let first = first.place.clone();
                self.errors.push(StudyError::at(&place, StudyProblem::DuplicateKey { key, first }));
            } else {
                entries.push(YamlEntry { key, place, value });
            }
        }
        for value in merged {
            self.merge(&mut entries, value);
        }
        Ok(entries)
    }

    /// `<<: *base`: the entries of the map that are not there yet.
    fn merge(&mut self, entries: &mut Vec<YamlEntry>, value: YamlNode) {
        match value.kind {
            Kind::Map(more) => {
                for entry in more {
                    if !entries.iter().any(|known| known.key == entry.key) {
                        entries.push(entry);
                    }
                }
            }
            Kind::List(items) => items.into_iter().for_each(|item| self.merge(entries, item)),
            Kind::Scalar { .. } => {
                self.errors.push(StudyError::at(&value.place, StudyProblem::Syntax("`<<` needs a map".into())));
            }
        }
    }
}
