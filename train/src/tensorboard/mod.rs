//! Event files that TensorBoard reads: scalars by step, and the mark that a resumed run leaves.
//!
//! An event file is a sequence of protobuf messages, each in a TFRecord frame. The messages are declared here with
//! `prost`, only the few fields we write; framing and checksum are a page of code in `record`. The crate
//! `tensorboard-rs` is not used: it is unmaintained since 2022 and depends on protobuf 2.28, which has the unfixed
//! advisory RUSTSEC-2024-0437.
//!
//! Which values are logged, and how often, is the caller's business: this module only writes files. What TensorBoard's
//! own reader makes of them is tested by `tests/tensorboard`.

mod message;
mod record;
mod writer;

pub use writer::{EventWriter, WallTime};
