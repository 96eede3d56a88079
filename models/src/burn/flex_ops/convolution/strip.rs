//! Rows of an image as chunks that overlap: what the taps of a kernel have in common is copied once.
//!
//! The pixels of a strip lie one after the other with a border of zeros, sixteen channels at a time, so that [`ROWS`] neighbours
//! under a tap are a [`ProductChunk`] that begins as far on as the tap lies. Target pixels are counted along the strip, too: at
//! the end of each of its rows are a few that do not exist.

use super::gather::{PixelGrid, Pixels};
use super::product::{DEPTH, ROWS};

/// Target pixels of a strip, about: the pixels under them stay in a core's first cache for sixteen channels.
const TARGETS: usize = 256;

/// Images of fewer columns are gathered: too many targets of a strip would not exist.
const FEWEST_COLUMNS: usize = 12;

/// How the images of a grid are cut into strips.
#[derive(Clone, Debug)]
pub(super) struct Strips {
    source: Pixels,
    /// The tap that lies furthest up and left.
    corner: [isize; 2],
    /// Rows and columns that the taps span beyond one.
    span: [usize; 2],
    /// Target rows of an image.
    rows: usize,
    columns: usize,
    /// Target rows of a strip, but for the last of an image.
    rows_at_once: usize,
    /// Where the chunk of each part of the depth begins.
    pub(super) offsets: Vec<usize>,
}

impl Strips {
    /// None where gathering is better.
    pub(super) fn of(source: &Pixels, grid: &PixelGrid) -> Option<Self> {
        let sides = |side: fn(&super::gather::Tap) -> isize| {
            let ends = [grid.taps.iter().map(side).min()?, grid.taps.iter().map(side).max()?];
            Some((ends[0], ends[1].abs_diff(ends[0])))
        };
        let ((top, height), (left, width)) = (sides(|tap| tap.y)?, sides(|tap| tap.x)?);
        let fits = grid.source_step == 1 && source.is_chunked() && grid.columns >= FEWEST_COLUMNS;
        if !fits || grid.taps.len() == 1 {
            return None;
        }
        let rows_at_once = (TARGETS / grid.columns).clamp(1, grid.rows);
        let (corner, span) = ([top, left], [height, width]);
        let mut strips = Self {
            source: *source,
            corner,
            span,
            rows: grid.rows,
            columns: grid.columns,
            rows_at_once,
            offsets: Vec::new(),
        };
        let plane = strips.plane();
        for tap in &grid.taps {
            let place = (tap.y - top).unsigned_abs() * strips.width() + (tap.x - left).unsigned_abs();
            strips.offsets.extend((0..source.channels / DEPTH).map(|chunk| chunk * plane + place * DEPTH));
        }
        Some(strips)
    }

    /// The first target row and the number of target rows of each strip of an image.
    pub(super) fn of_an_image(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let (rows, at_once) = (self.rows, self.rows_at_once);
        (0..rows).step_by(at_once).map(move |first| (first, at_once.min(rows - first)))
    }

    /// Pixels of a row.
    fn width(&self) -> usize {
        self.columns + self.span[1]
    }

    /// Groups of [`ROWS`] targets of a strip with so many target rows.
    pub(super) fn groups(&self, rows: usize) -> usize {
        (rows * self.width() - self.span[1]).div_ceil(ROWS)
    }

    /// Values of sixteen channels of the largest strip. Behind its last pixel is what the last group's last taps reach.
    fn plane(&self) -> usize {
        ((self.rows_at_once + self.span[0]) * self.width() + ROWS + self.span[1]) * DEPTH
    }

    /// Values of the largest strip.
    pub(super) fn length(&self) -> usize {
        self.source.channels / DEPTH * self.plane()
    }

    /// Copies what lies under `rows` target rows of an image from `first` on.
    pub(super) fn fill(&self, image: &[f32], first: usize, rows: usize, strip: &mut [f32]) {
        let Pixels { height, width, channels } = self.source;
        let row = self.width() * DEPTH;
        let before = self.corner[1].min(0).unsigned_abs().min(self.width());
        let skipped = self.corner[1].max(0).unsigned_abs();
        let inside = width.saturating_sub(skipped).min(self.width() - before);
        for (chunk, plane) in strip.chunks_mut(self.plane()).take(channels / DEPTH).enumerate() {
            let (filled, rest) = plane.split_at_mut((rows + self.span[0]) * row);
            for (y, strip) in filled.chunks_mut(row).enumerate() {
                let y = (first + y) as isize + self.corner[0];
                let Some(y) = usize::try_from(y).ok().filter(|y| *y < height) else {
                    strip.fill(0.0);
                    continue;
                };
                let (left, strip) = strip.split_at_mut(before * DEPTH);
                let (middle, right) = strip.split_at_mut(inside * DEPTH);
                left.fill(0.0);
                right.fill(0.0);
                let source = &image[(y * width + skipped) * channels..][..inside * channels];
                for (pixel, source) in middle.chunks_exact_mut(DEPTH).zip(source.chunks_exact(channels)) {
                    pixel.copy_from_slice(&source[chunk * DEPTH..][..DEPTH]);
                }
            }
            let reach = (ROWS + self.span[1]) * DEPTH;
            rest[..reach].fill(0.0);
        }
    }

    /// Pairs the target rows of a strip with the rows `width` wide of what was computed for them, `[targets, W]`.
    pub(super) fn rows_of<'a, const W: usize>(&self, targets: &'a [[f32; W]]) -> impl Iterator<Item = &'a [[f32; W]]> {
        let columns = self.columns;
        targets.chunks(self.width()).map(move |row| &row[..columns.min(row.len())])
    }

    /// Spreads `[target pixels, channels]` of a strip into targets of `W` columns from `column` on; zeros where there is none.
    pub(super) fn spread<const W: usize>(
        &self,
        values: &[f32],
        channels: usize,
        column: usize,
        targets: &mut [[f32; W]],
    ) {
        let columns = W.min(channels - column);
        let rows = values.chunks(self.columns * channels);
        let count = rows.len();
        for (targets, values) in targets.chunks_mut(self.width()).zip(rows) {
            let (there, missing) = targets.split_at_mut(self.columns.min(targets.len()));
            for (target, value) in there.iter_mut().zip(values.chunks_exact(channels)) {
                target[..columns].copy_from_slice(&value[column..][..columns]);
                target[columns..].fill(0.0);
            }
            missing.fill([0.0; W]);
        }
        let used = (count * self.width()).min(targets.len());
        targets[used..].fill([0.0; W]);
    }
}
