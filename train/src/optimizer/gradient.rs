//! A parameter's gradient in host memory, in the chunks of [`super::chunk`].

use std::borrow::Cow;

use aees_models::RowGradient;

use super::chunk::CHUNK;

/// A chunk of a gradient that is 0.
static ZEROS: [f32; CHUNK] = [0.0; CHUNK];

/// A parameter's gradient.
#[derive(Debug)]
pub(crate) enum Gradient<'a> {
    /// Every element.
    Whole(&'a [f32]),
    /// Some rows of a table: the zeros of the others are neither written nor read.
    Rows(RowGradient<'a>),
}

impl<'a> From<&'a [f32]> for Gradient<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::Whole(values)
    }
}

impl Gradient<'_> {
    /// Elements of the parameter.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Rows(rows) => rows.elements(),
        }
    }

    pub(crate) fn chunks(&self) -> usize {
        self.len().div_ceil(CHUNK)
    }

    /// The elements of a chunk by its number.
    pub(crate) fn chunk(&self, number: usize) -> Cow<'_, [f32]> {
        let elements = number * CHUNK..self.len().min((number + 1) * CHUNK);
        match self {
            Self::Whole(values) => Cow::Borrowed(&values[elements]),
            Self::Rows(rows) => {
                let length = elements.len();
                rows.part(elements).map_or(Cow::Borrowed(&ZEROS[..length]), Cow::Owned)
            }
        }
    }
}
