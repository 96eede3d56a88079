//! CSV with line feeds: a header, rows, and raw numbers with all their digits.

use csv::{Terminator, Writer, WriterBuilder};

/// A table on its way into text.
pub(crate) struct Csv(Writer<Vec<u8>>);

impl Csv {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut csv = Self(WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new()));
        csv.row(header);
        csv
    }

    /// A row with as many fields as the header has.
    pub(crate) fn row<F: AsRef<[u8]>>(&mut self, fields: impl IntoIterator<Item = F>) {
        // Memory takes everything, and rows are as long as the header.
        let _ = self.0.write_record(fields);
    }

    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.0.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

/// Rows of equal length as text; the first is the header.
pub fn csv_of(rows: &[Vec<String>]) -> String {
    let Some((header, rows)) = rows.split_first() else { return String::new() };
    let mut csv = Csv::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    rows.iter().for_each(|row| csv.row(row));
    csv.into_text()
}

/// A field. A number that is none is empty.
pub(crate) struct Field(String);

impl AsRef<[u8]> for Field {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for Field {
    fn from(text: &T) -> Self {
        Self(text.as_ref().to_owned())
    }
}

impl From<Option<f64>> for Field {
    fn from(number: Option<f64>) -> Self {
        let number = number.filter(|number| number.is_finite());
        Self(number.map(|number| number.to_string()).unwrap_or_default())
    }
}

impl From<f64> for Field {
    fn from(number: f64) -> Self {
        Some(number).into()
    }
}

impl From<usize> for Field {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_full() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row::<Field>(["x, \"y\"".into(), (0.1 + 0.2).into()]);
        csv.row::<Field>(["z".into(), f64::NAN.into()]);
        assert_eq!(csv.into_text(), "a,b\n\"x, \"\"y\"\"\",0.30000000000000004\nz,\n");
    }
}
