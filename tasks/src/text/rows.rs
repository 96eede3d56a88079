//! The checks that every layout's rows go through: a text that is there, a label that is a class.

use std::fmt::Display;
use std::path::Path;

use super::format::TextFormat;
use super::split::TextSplit;
use crate::error::{DataError, DataResult, RowPlace};

/// Collects the rows of one file.
pub(super) struct RowReader<'a> {
    path: &'a Path,
    format: &'a TextFormat,
    /// The number of class 0 in this layout.
    first_class: i64,
    split: TextSplit,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(path: &'a Path, format: &'a TextFormat, first_class: i64) -> Self {
        Self { path, format, first_class, split: TextSplit::default() }
    }

    /// Adds a row. White space at the ends of a text says nothing and differs between the layouts, so it goes.
    ///
    /// `label` is `None` where `found` is no whole number.
    pub(super) fn push(
        &mut self,
        place: RowPlace,
        text: &str,
        label: Option<i64>,
        found: &dyn Display,
    ) -> DataResult<()> {
        let refused = |reason: String| Err(DataError::in_row(self.path, place, reason));
        let text = text.trim();
        if text.is_empty() {
            return refused("a row without text".to_owned());
        }
        let classes = i64::from(self.format.dataset.classes);
        match label.map(|label| label.wrapping_sub(self.first_class)) {
            Some(class) if (0..classes).contains(&class) => self.split.push(text, class as u32),
            _ if label == Some(-1) => {
                let evaluated = self.format.evaluated.name();
                return refused(format!(
                    "label -1, the mark of a test file without labels; train and {evaluated} files need labels"
                ));
            }
            _ => {
                let (first, last) = (self.first_class, self.first_class + classes - 1);
                return refused(format!("label \"{found}\", expected {first} to {last}"));
            }
        }
        Ok(())
    }

    /// Adds a row whose label is written out.
    pub(super) fn push_written(&mut self, place: RowPlace, text: &str, label: &str) -> DataResult<()> {
        let label = label.trim();
        self.push(place, text, label.parse().ok(), &label)
    }

    /// The rows, of which there must be one.
    pub(super) fn finish(self) -> DataResult<TextSplit> {
        if self.split.is_empty() {
            return Err(DataError::no_records(self.path));
        }
        Ok(self.split)
    }
}
