//! Panics of libraries, as errors: of those that read files of strangers, and of tensor libraries.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside of [`caught`].
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a call gives, or what it panicked with. Its panic is not shown; those of other threads are.
///
/// # Errors
/// The text of the panic.
pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                usual(info);
            }
        }));
    });
    let outer = INSIDE.replace(true);
    // What the call had borrowed is thrown away with it.
    let result = catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(outer);
    result.map_err(|panic| panic_text(&*panic).unwrap_or_else(|| "it gave no reason".into()))
}

/// What a panic said, if it said anything in words.
pub fn panic_text(panic: &(dyn Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_call_is_not_affected() {
        assert_eq!(caught(|| -> u8 { panic!("index {} out of range", 7) }), Err("index 7 out of range".into()));
        assert_eq!(caught(|| 5), Ok(5));
        assert!(!INSIDE.get());
    }
}
