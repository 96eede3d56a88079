//! Buffers that are used again.
//!
//! A large buffer that is fresh from the system costs a page fault for every 4 KiB when it is first written: 12 ms for 32 MiB here,
//! more than the computation that fills it. Operations take their outputs and scratch from here, and give back what they
//! know to be the last user of. A step takes what the step before it gave back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller buffers come from the allocator.
const SMALLEST: usize = 1 << 13;

/// A buffer that this many others were taken before is given back to the system: training steps take about 200.
const PATIENCE: u64 = 2000;

/// Values in a cache line.
const LINE: usize = 16;

/// Buffers of one length.
#[derive(Default)]
struct Shelf {
    /// When they came, and they.
    buffers: Vec<(u64, Vec<f32>)>,
    /// How many more were taken than came back: the shelf takes no more than it gave.
    lent: usize,
}

/// All lengths, and how many buffers were taken so far.
static SHELVES: Mutex<(BTreeMap<usize, Shelf>, u64)> = Mutex::new((BTreeMap::new(), 0));

fn shelves() -> MutexGuard<'static, (BTreeMap<usize, Shelf>, u64)> {
    SHELVES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer whose values are to be overwritten, whatever they are.
pub(super) fn take(length: usize) -> Vec<f32> {
    if length < SMALLEST {
        return vec![0.0; length];
    }
    let mut guard = shelves();
    let (shelves, taken) = &mut *guard;
    *taken += 1;
    let now = *taken;
    let shelf = shelves.entry(length).or_default();
    shelf.lent += 1;
    let found = shelf.buffers.pop();
    if now.is_multiple_of(PATIENCE) {
        shelves.retain(|_, shelf| {
            shelf.buffers.retain(|(came, _)| now - came < PATIENCE);
            !shelf.buffers.is_empty() || shelf.lent > 0
        });
    }
    found.map_or_else(|| vec![0.0; length], |(_, buffer)| buffer)
}

/// Keeps a buffer for who takes one of its length next.
pub(super) fn give(buffer: Vec<f32>) {
    let mut shelves = shelves();
    let now = shelves.1;
    if let Some(shelf) = shelves.0.get_mut(&buffer.len()).filter(|shelf| shelf.lent > 0) {
        shelf.lent -= 1;
        shelf.buffers.push((now, buffer));
    }
}

/// The scratch of a thread: at least `length` values that begin with a cache line, whatever they are.
pub(super) fn lines(scratch: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if scratch.len() < length + LINE {
        scratch.resize(length + LINE, 0.0);
    }
    let first = scratch.as_ptr().align_offset(4 * LINE).min(LINE);
    &mut scratch[first..first + length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_taken_next() {
        let length = SMALLEST + 77;
        let mut buffer = take(length);
        buffer[3] = 5.0;
        give(buffer);
        assert_eq!(take(length)[3], 5.0);
    }

    #[test]
    fn buffers_from_elsewhere_do_not_pile_up() {
        let length = SMALLEST + 78;
        for _ in 0..3 {
            give(vec![0.0; length]);
        }
        drop(take(length));
        for _ in 0..3 {
            give(vec![1.0; length]);
        }
        assert_eq!(shelves().0[&length].buffers.len(), 1);
    }

    #[test]
    fn scratch_begins_with_a_cache_line() {
        let mut scratch = Vec::new();
        for length in [1, 100, 1000] {
            let lines = lines(&mut scratch, length);
            assert_eq!((lines.len(), lines.as_ptr() as usize % 64), (length, 0));
        }
    }
}
