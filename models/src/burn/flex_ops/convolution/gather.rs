//! From images to chunks: the pixels under the taps of a block of target pixels.

use super::product::{DEPTH, ProductChunk, ROWS};

/// Chunks of the depth that are gathered at a time: with eight of pixels 240 KiB, a quarter of a core's second cache.
pub(super) const DEPTH_CHUNKS: usize = 40;

/// A place of the kernel, relative to a target pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) y: isize,
    pub(super) x: isize,
    /// Its place in PyTorch's kernel, row by row.
    pub(super) place: usize,
}

/// Target pixels, and where their taps lie: pixel (i, j) has its taps around (step i, step j) of the source.
#[derive(Clone, Debug)]
pub(super) struct PixelGrid {
    pub(super) batch: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) source_step: usize,
    pub(super) taps: Vec<Tap>,
}

impl PixelGrid {
    pub(super) fn pixels(&self) -> usize {
        self.batch * self.rows * self.columns
    }
}

/// Images that are read, `[batch, height, width, channels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixels {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Pixels {
    /// Whether a tap fills whole chunks. Else the channels of all taps lie one after the other.
    pub(super) fn is_chunked(&self) -> bool {
        self.channels.is_multiple_of(DEPTH)
    }

    /// Values of an image.
    pub(super) fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Chunks of the depth for so many taps.
    pub(super) fn depth_chunks(&self, taps: usize) -> usize {
        (taps * self.channels).div_ceil(DEPTH)
    }

    /// The place of a tap's channel along the depth.
    pub(super) fn depth_of(&self, tap: usize, channel: usize) -> usize {
        tap * self.channels + channel
    }

    /// Fills `chunks` with chunks of the depth from `first` on, as many for each [`ROWS`] of `pixels` target pixels from
    /// `pixel` on. What lies outside the image, or beyond the last pixel, is 0.
    pub(super) fn gather(
        &self,
        grid: &PixelGrid,
        input: &[f32],
        pixel: usize,
        pixels: usize,
        first: usize,
        chunks: &mut [ProductChunk],
    ) {
        let count = chunks.len() / pixels.div_ceil(ROWS);
        let (mut x, mut y) = (pixel % grid.columns, pixel / grid.columns % grid.rows);
        let mut image = pixel / (grid.columns * grid.rows);
        for (group, chunks) in chunks.chunks_mut(count).enumerate() {
            for row in 0..ROWS {
                if group * ROWS + row >= pixels {
                    chunks.iter_mut().for_each(|chunk| chunk[row * DEPTH..][..DEPTH].fill(0.0));
                    continue;
                }
                let corner = [(y * grid.source_step) as isize, (x * grid.source_step) as isize];
                let source = &input[image * self.height * self.width * self.channels..];
                if self.is_chunked() {
                    self.gather_chunked(grid, source, corner, first, chunks, row);
                } else {
                    self.gather_values(grid, source, corner, first, chunks, row);
                }
                x += 1;
                if x == grid.columns {
                    (x, y) = (0, y + 1);
                    if y == grid.rows {
                        (y, image) = (0, image + 1);
                    }
                }
            }
        }
    }

    #[inline]
    fn gather_chunked(
        &self,
        grid: &PixelGrid,
        source: &[f32],
        corner: [isize; 2],
        first: usize,
        chunks: &mut [ProductChunk],
        row: usize,
    ) {
        let per_tap = self.channels / DEPTH;
        let (mut tap, mut within) = (first / per_tap, first % per_tap);
        let mut chunks = &mut chunks[..];
        while !chunks.is_empty() {
            let (now, later) = chunks.split_at_mut((per_tap - within).min(chunks.len()));
            match self.offset(corner, &grid.taps[tap]) {
                Some(offset) => {
                    let values = source[offset + within * DEPTH..][..now.len() * DEPTH].as_chunks::<DEPTH>().0;
                    for (chunk, values) in now.iter_mut().zip(values) {
                        chunk[row * DEPTH..][..DEPTH].copy_from_slice(values);
                    }
                }
                None => now.iter_mut().for_each(|chunk| chunk[row * DEPTH..][..DEPTH].fill(0.0)),
            }
            chunks = later;
            (tap, within) = (tap + 1, 0);
        }
    }

    /// For channels that do not fill chunks: the image itself, and narrow networks.
    fn gather_values(
        &self,
        grid: &PixelGrid,
        source: &[f32],
        corner: [isize; 2],
        first: usize,
        chunks: &mut [ProductChunk],
        row: usize,
    ) {
        let (start, end) = (first * DEPTH, (first + chunks.len()) * DEPTH);
        chunks.iter_mut().for_each(|chunk| chunk[row * DEPTH..][..DEPTH].fill(0.0));
        let mut copy = |tap: usize, taps: usize, offset: usize| {
            let (mut from, to) = ((tap * self.channels).max(start), ((tap + taps) * self.channels).min(end));
            while from < to {
                let (chunk, column) = ((from - start) / DEPTH, (from - start) % DEPTH);
                let length = (DEPTH - column).min(to - from);
                let values = &source[offset + from - tap * self.channels..][..length];
                let place = &mut chunks[chunk][row * DEPTH + column..][..length];
                place.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
                from += length;
            }
        };
        let mut tap = 0;
        for taps in grid.taps.chunk_by(|a, b| a.y == b.y && a.x + 1 == b.x) {
            let ends = [taps.first(), taps.last()].map(|end| end.and_then(|end| self.offset(corner, end)));
            if let [Some(offset), Some(_)] = ends {
                copy(tap, taps.len(), offset);
            } else {
                for (number, one) in taps.iter().enumerate() {
                    if let Some(offset) = self.offset(corner, one) {
                        copy(tap + number, 1, offset);
                    }
                }
            }
            tap += taps.len();
        }
    }

    /// Where the channels of the pixel under a tap begin; none outside the image.
    #[inline(always)]
    fn offset(&self, [y, x]: [isize; 2], tap: &Tap) -> Option<usize> {
        let (y, x) = (y + tap.y, x + tap.x);
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        inside.then(|| (y as usize * self.width + x as usize) * self.channels)
    }
}
