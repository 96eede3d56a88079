//! Tensor libraries panic, mostly when a device has no memory left or is gone. Here that becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aees_run::caught::{caught, panic_text};

use super::EngineError;

/// How CUDA, its libraries, Vulkan, wgpu, burn's runtime, libtorch, oneDNN (which has no other words for it) and operating systems
/// say that there is no memory left.
const NO_MEMORY: [&str; 10] = [
    "out of memory",
    "out-of-memory",
    "out_of_memory",
    "out of device memory",
    "not enough memory",
    "can't allocate",
    "cannot allocate memory",
    "memory allocation",
    "alloc_failed",
    "could not create a primitive",
];

/// Turns a panic of the tensor library into an error. Where it came from is shown to who asks by `RUST_BACKTRACE`.
///
/// The engine is not used any further after one, but to save what it says is whole: the run stops and resumes from its last
/// checkpoint in a new process.
pub(super) fn guarded<T>(
    activity: &'static str,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let outcome = match std::env::var_os("RUST_BACKTRACE") {
        Some(_) => catch_unwind(AssertUnwindSafe(work))
            .map_err(|panic| panic_text(&*panic).unwrap_or_else(|| "it gave no reason".into())),
        None => caught(work),
    };
    outcome.unwrap_or_else(|reason| Err(device_error(activity, without_frames(&reason))))
}

/// libtorch's own words, without tch's around them and without the addresses in its library that follow.
fn without_frames(reason: &str) -> String {
    let Some((_, words)) = reason.split_once("Err` value: Torch(\"") else { return reason.to_owned() };
    let end = ["\\nException raised from", "\\nframe #0"].iter().filter_map(|frames| words.find(frames)).min();
    words[..end.unwrap_or(words.len())].trim_end_matches("\")").to_owned()
}

/// What a tensor library said, as an error. Nothing is known of the state that it left.
pub(super) fn device_error(activity: &'static str, reason: String) -> EngineError {
    let said = reason.to_lowercase();
    if NO_MEMORY.iter().any(|words| said.contains(words)) {
        EngineError::OutOfMemory { activity, reason, whole: false, fits: None }
    } else {
        EngineError::Device { activity, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the libraries print them.
    #[test]
    fn a_device_without_memory_is_told_from_one_that_is_broken() {
        for reason in [
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.72 GiB of which 1.19 GiB is free.",
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8192000000000 bytes. Error code 12 (Cannot allocate memory)",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "out of device memory allocating 4294967296 bytes\n   0: cubecl_runtime",
            "can't allocate buffer of size: 17179869184",
            "An out-of-memory error happened during launch\nCaused by:\n  the pool is full",
            "wgpu error: Out of Memory",
            "Not enough memory left.",
            "memory allocation of 1073741824 bytes failed",
            "could not create a primitive",
        ] {
            let error = guarded::<()>("trained", || panic!("{reason}")).unwrap_err();
            assert!(matches!(error, EngineError::OutOfMemory { whole: false, fits: None, .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        for reason in
            ["CUDA error: an illegal memory access was encountered", "Parent device is lost", "index out of bounds"]
        {
            assert!(matches!(device_error("trained", reason.into()), EngineError::Device { .. }), "{reason}");
        }
    }

    #[test]
    fn a_user_reads_libtorchs_words_and_not_where_they_come_from() {
        let frames = "Exception raised from infer_size_impl at ExpandUtils.cpp:35 (most recent call first):\\nframe #0: c10::Error";
        for after in [format!("\\n{frames}").as_str(), "\\nframe #0: c10::alloc_cpu(unsigned long)", ""] {
            let panic = format!(
                "called `Result::unwrap()` on an `Err` value: Torch(\"The size of tensor a must match{after}\")"
            );
            let error = guarded::<()>("trained", || panic!("{panic}")).unwrap_err();
            assert_eq!(error.to_string(), "the engine failed while it trained: The size of tensor a must match");
        }
    }
}
