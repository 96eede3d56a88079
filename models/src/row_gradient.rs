//! The gradient of a large table of which a step used few rows: those rows, without the zeros of all others.
//!
//! burn keeps whatever tensor a backward pass gives it as a parameter's gradient. Here it is `[used rows, 1 + width]`, the rows in ascending
//! order, each behind a number that tells which row of the table it is. A step of DistilBERT uses some hundred of 30,522
//! rows: the zeros would be 94 MB to write, and to read again.

use std::ops::Range;

/// Tables of fewer elements have whole gradients.
const SMALLEST_TABLE: usize = 1 << 20;

/// Rows that a [`mark`] can tell apart.
const MOST_ROWS: usize = 1 << 23;

/// What tells a row: a number from 1 to 2 with the row in its last bits. So a sum of several, which burn would make of the gradients of a table
/// that was used twice in a pass, is 2 or more and tells none.
fn mark(row: usize) -> f32 {
    f32::from_bits(1.0_f32.to_bits() | row as u32)
}

/// The row that a mark tells.
fn marked(mark: f32) -> Option<usize> {
    (1.0..2.0).contains(&mark).then(|| (mark.to_bits() ^ 1.0_f32.to_bits()) as usize)
}

/// Whether the gradient of a table `[rows, width]` is kept by its rows when a pass used so many.
pub(crate) fn pays(rows: usize, width: usize, used: usize) -> bool {
    rows * width >= SMALLEST_TABLE && rows <= MOST_ROWS && used <= rows / 4
}

/// The gradient as it is kept, `[used rows, 1 + width]` flat: the sums of the entries' gradients `[entries, width]`, added in
/// their order.
pub(crate) fn kept(entries: impl Iterator<Item = usize>, gradients: &[f32], width: usize) -> Vec<f32> {
    let mut by_row: Vec<(usize, &[f32])> = entries.zip(gradients.chunks(width)).collect();
    by_row.sort_by_key(|(row, _)| *row);
    let mut kept = Vec::with_capacity(by_row.len() * (1 + width));
    for same_row in by_row.chunk_by(|(row, _), (next, _)| row == next) {
        kept.push(mark(same_row[0].0));
        let start = kept.len();
        kept.resize(start + width, 0.0);
        for (_, gradient) in same_row {
            kept[start..].iter_mut().zip(*gradient).for_each(|(sum, value)| *sum += value);
        }
    }
    kept
}

/// A gradient of a table that is kept by its rows; all others are 0.
#[derive(Debug)]
pub struct RowGradient<'a> {
    /// Ascending.
    rows: Vec<usize>,
    /// Each behind its mark.
    kept: &'a [f32],
    width: usize,
    elements: usize,
}

impl<'a> RowGradient<'a> {
    /// The gradient of a table `[rows, width]` of which the numbers of `kept` are the used rows; none if they cannot be that, as when
    /// a pass used the table twice.
    pub fn new(kept: &'a [f32], [rows, width]: [usize; 2]) -> Option<Self> {
        let used = kept.chunks_exact(1 + width);
        if !used.remainder().is_empty() {
            return None;
        }
        let used: Option<Vec<usize>> = used.map(|row| marked(row[0]).filter(|row| *row < rows)).collect();
        let ascending = |used: &Vec<usize>| used.is_sorted_by(|row, next| row < next);
        Some(Self { rows: used.filter(ascending)?, kept, width, elements: rows * width })
    }

    /// Elements of the table.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// Elements of the table, counted row by row; none where all of them are 0.
    pub fn part(&self, elements: Range<usize>) -> Option<Vec<f32>> {
        let first = self.rows.partition_point(|row| (row + 1) * self.width <= elements.start);
        let end = self.rows.partition_point(|row| row * self.width < elements.end);
        if first >= end {
            return None;
        }
        let mut part = vec![0.0; elements.len()];
        for (place, row) in (first..end).zip(&self.rows[first..end]) {
            let start = row * self.width;
            let here = elements.start.max(start)..elements.end.min(start + self.width);
            let kept = &self.kept[place * (1 + self.width) + 1..][here.start - start..here.end - start];
            part[here.start - elements.start..here.end - elements.start].copy_from_slice(kept);
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 40;
    const WIDTH: usize = 7;

    /// Entries of a table, some of them twice, and their gradients.
    fn entries() -> (Vec<usize>, Vec<f32>) {
        let entries = vec![17, 3, 39, 17, 4, 0, 17, 3];
        let gradients = (0..entries.len() * WIDTH).map(|index| (index as f32 - 20.0) / 3.0).collect();
        (entries, gradients)
    }

    #[test]
    fn every_part_is_that_of_the_whole_gradient() {
        let (entries, gradients) = entries();
        let mut whole = vec![0.0_f32; ROWS * WIDTH];
        for (row, gradient) in entries.iter().zip(gradients.chunks(WIDTH)) {
            whole[row * WIDTH..][..WIDTH].iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        }
        let kept = kept(entries.into_iter(), &gradients, WIDTH);
        let gradient = RowGradient::new(&kept, [ROWS, WIDTH]).unwrap();
        assert_eq!((kept.len(), gradient.elements()), (5 * (1 + WIDTH), whole.len()));
        for start in 0..whole.len() {
            for end in start + 1..=whole.len() {
                let zero = whole[start..end].iter().all(|value| *value == 0.0);
                match gradient.part(start..end) {
                    Some(part) => assert_eq!(part, whole[start..end], "{start}..{end}"),
                    None => assert!(zero, "{start}..{end}"),
                }
            }
        }
        assert!(gradient.part(5 * WIDTH..17 * WIDTH).is_none());
    }

    #[test]
    fn what_is_no_such_gradient_is_refused() {
        let (entries, gradients) = entries();
        let kept = kept(entries.into_iter(), &gradients, WIDTH);
        let fits = |kept: &[f32], shape| RowGradient::new(kept, shape).is_some();
        assert!(fits(&kept, [ROWS, WIDTH]));
        assert!(!fits(&kept, [39, WIDTH]), "a row beyond the table");
        assert!(!fits(&kept, [ROWS, WIDTH + 1]), "another width");
        let twice: Vec<f32> = kept.iter().map(|value| value + value).collect();
        assert!(!fits(&twice, [ROWS, WIDTH]), "the gradients of two passes, added");
        let (first, rest) = kept.split_at(1 + WIDTH);
        assert!(!fits(&[rest, first].concat(), [ROWS, WIDTH]), "rows in another order");
    }

    #[test]
    fn marks_tell_every_row() {
        for row in [0, 1, 30_521, MOST_ROWS - 1] {
            assert_eq!(marked(mark(row)), Some(row));
            assert_eq!(marked(mark(row) + mark(MOST_ROWS - 1)), None);
        }
    }
}
