//! The checks that every layout's rows go through: a text that is there, a label that is a class.

use std::fmt::Display;
use std::path::Path;

use super::error::{RowPlace, TextError};
use super::format::TextFormat;
use super::split::TextSplit;
use crate::error::{DataError, Result};

/// Collects the rows of one file.
pub(super) struct Rows<'a> {
    path: &'a Path,
    format: &'a TextFormat,
    /// The number of class 0 in this layout.
    first_class: i64,
    split: TextSplit,
}

impl<'a> Rows<'a> {
    pub(super) fn new(path: &'a Path, format: &'a TextFormat, first_class: i64) -> Self {
        Self { path, format, first_class, split: TextSplit::default() }
    }

    /// Adds a row. White space at the ends of a text says nothing and differs between the layouts, so it goes.
    ///
    /// `label` is `None` where `found` is no whole number.
    pub(super) fn push(&mut self, place: RowPlace, text: &str, label: Option<i64>, found: &dyn Display) -> Result<()> {
        let path = || self.path.to_owned();
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::NoText { path: path(), place }.into());
        }
        let classes = i64::from(self.format.entry.classes);
        match label.map(|label| label.wrapping_sub(self.first_class)) {
            Some(class) if (0..classes).contains(&class) => self.split.push(text, class as u32),
            _ if label == Some(-1) => {
                let evaluated = self.format.evaluated.name();
                return Err(TextError::Unlabelled { path: path(), place, evaluated }.into());
            }
            _ => {
                let (first, last) = (self.first_class, self.first_class + classes - 1);
                let found = found.to_string();
                return Err(TextError::NotAClass { path: path(), place, found, first, last }.into());
            }
        }
        Ok(())
    }

    /// Adds a row whose label is written out.
    pub(super) fn push_written(&mut self, place: RowPlace, text: &str, label: &str) -> Result<()> {
        let label = label.trim();
        self.push(place, text, label.parse().ok(), &label)
    }

    /// The rows, of which there must be one.
    pub(super) fn finish(self) -> Result<TextSplit> {
        if self.split.is_empty() {
            return Err(DataError::Empty { path: self.path.to_owned() });
        }
        Ok(self.split)
    }
}
