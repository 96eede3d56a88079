//! The data of a figure as a tidy CSV, and the smoothing that figures share.

/// Rows of text; numbers in full precision.
#[derive(Debug, Clone, Default)]
pub(super) struct Csv {
    text: String,
}

impl Csv {
    pub(super) fn new(header: &[&str]) -> Self {
        let mut csv = Self::default();
        csv.row(header.iter().map(|name| Cell::from(*name)));
        csv
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.0).collect();
        self.text.push_str(&cells.join(","));
        self.text.push('\n');
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// One cell, quoted where it must be.
pub(super) struct Cell(String);

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        let quoted = text.contains([',', '"', '\n', '\r']);
        Self(if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() })
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<f64> for Cell {
    /// A number that is none is an empty cell.
    fn from(number: f64) -> Self {
        Self(if number.is_finite() { number.to_string() } else { String::new() })
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.unwrap_or(f64::NAN).into()
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

/// A centred rolling mean over an odd window; towards the ends the window loses what is not there, as the reference's does.
pub(super) fn rolling_mean(values: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    let mean = |index: usize| {
        let part = &values[index.saturating_sub(half)..(index + half + 1).min(values.len())];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_mean_is_centred_and_shrinks_at_the_ends() {
        assert_eq!(rolling_mean(&[1.0, 2.0, 3.0, 4.0, 10.0], 3), [1.5, 2.0, 3.0, 17.0 / 3.0, 7.0]);
        assert_eq!(rolling_mean(&[1.0, 5.0], 1), [1.0, 5.0]);
    }

    #[test]
    fn cells_are_quoted_and_full() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row(["x, \"y\"".into(), (0.1 + 0.2).into()]);
        csv.row(["z".into(), f64::NAN.into()]);
        assert_eq!(csv.into_text(), "a,b\n\"x, \"\"y\"\"\",0.30000000000000004\nz,\n");
    }
}
