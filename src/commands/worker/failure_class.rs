//! The failure class of a training run's error: what a retry policy asks for.

use std::error::Error;
use std::io;

use aees_train::drive::RunError;
use aees_train::engine::EngineError;
use aees_train::session::SessionError;

/// The class of an error.
pub(super) fn class_of(error: &SessionError) -> &'static str {
    if is_about_a_file(error) {
        return "io";
    }
    match error {
        SessionError::Job(EngineError::OutOfMemory { .. })
        | SessionError::Run(RunError::Engine(EngineError::OutOfMemory { .. })) => "oom",
        SessionError::Job(EngineError::Device { .. })
        | SessionError::Run(RunError::Engine(EngineError::Device { .. })) => "panic",
        SessionError::Run(RunError::Engine(EngineError::Example { .. } | EngineError::Weights(_))) => "data",
        SessionError::Run(RunError::File(_)) | SessionError::Output(_) => "io",
        SessionError::Task(_) | SessionError::OtherRun { .. } | SessionError::Job(_) => "data",
        SessionError::Run(RunError::Checkpoint(_)) | SessionError::ForeignCheckpoints { .. } => "data",
        SessionError::DamagedCheckpoints { .. } => "checkpoint",
        SessionError::Config(_)
        | SessionError::Engine(_)
        | SessionError::Controllers(_)
        | SessionError::Identity(_)
        | SessionError::Memory { .. }
        | SessionError::Directory(_) => "config",
        _ => "unknown",
    }
}

/// Whether the disk is at fault: full, broken, or not to be written.
fn is_about_a_file(whole: &SessionError) -> bool {
    let mut cause: Option<&dyn Error> = Some(whole);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
            return matches!(error.kind(), FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
                || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
                || matches!(whole, SessionError::Run(RunError::File(_)));
        }
        cause = error.source();
    }
    false
}
