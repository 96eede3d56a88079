//! What lies below the folder of results: where each thing is, and what the files of runs and studies say without the registry.
//!
//! Bytes are the truth and the registry is their index: everything it needs to be made again is in these files. Making it
//! again is [`registry::rebuild`](crate::registry::rebuild)'s.

mod contents;
mod error;
mod log_end;
mod plan_file;
mod records;
mod result;
mod root;

pub use self::contents::{RootContents, Skipped, read_root, run_folders};
pub use self::error::RecordError;
pub(crate) use self::log_end::log_end;
pub use self::plan_file::PlanFile;
pub use self::records::write_identity;
pub(crate) use self::records::write_json;
pub use self::result::{completion_of, result_stat, set_result_aside, split_metric};
pub use self::root::Root;
