//! Tensor libraries panic, mostly when a device has no memory left or is gone. Here that becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aees_run::caught::panic_text;

use super::EngineError;

/// Turns a panic of the tensor library into an error.
///
/// The engine is not used any further after one: the run stops and resumes from its last checkpoint in a new process.
pub(super) fn guarded<T>(
    activity: &'static str,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic_text(&*panic).unwrap_or_else(|| "it gave no reason".into());
        Err(EngineError::Device { activity, reason })
    })
}
