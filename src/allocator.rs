//! The allocator of the program.
//!
//! A training step frees as much as it takes. The system's allocator gives large buffers back to the kernel, and taking them again
//! costs a page fault for every 4 KiB: a quarter of a step of DistilBERT on two cores. mimalloc keeps what was freed, and verbs that
//! train have it kept for good instead of for a second: the next step takes it again. `MIMALLOC_PURGE_DELAY`, in milliseconds, says otherwise.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, for which the bindings have no name.
const PURGE_DELAY: mi_option_t = 15;

/// The value that says never.
const NEVER: i8 = -1;

/// Freed memory stays in the process, unless the environment says otherwise.
pub(crate) fn keep_freed_memory() {
    // SAFETY: it sets a number in a table that the allocator made before `main`, which other threads only read.
    #[expect(unsafe_code, reason = "the allocator's options are functions of C")]
    unsafe {
        mi_option_set_default(PURGE_DELAY, NEVER.into());
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the allocator's options are functions of C")]
    fn the_option_is_the_delay_and_is_set() {
        // SAFETY: reads a number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000, "what it is before, which no other option is");
        keep_freed_memory();
        assert_eq!(delay(), std::ffi::c_long::from(NEVER));
    }
}
