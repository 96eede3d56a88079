//! The protobuf messages of an event file, reduced to the fields we write.
//!
//! Names, types and tags are those of TensorBoard's `event.proto` and `summary.proto`. Fields that TensorBoard puts into a
//! `oneof` are optional fields here: the bytes are the same, and a scalar of 0.0 is still written, because it is present.

use prost::Message;

/// One entry of an event file. At most one of the optional fields is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(string, optional, tag = "3")]
    pub(super) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(super) summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub(super) session_log: Option<SessionLog>,
}

/// Values of one step.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(super) value: Vec<SummaryValue>,
}

/// One scalar.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryValue {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(super) simple_value: Option<f32>,
}

/// A run started, stopped or saved a checkpoint.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

/// `SessionLog.START`.
pub(super) const SESSION_START: i32 = 1;

impl Event {
    /// The first event of every file: from version 2 on, readers trust session logs.
    pub(super) fn version(wall_time: f64) -> Self {
        Self { wall_time, file_version: Some("brain.Event:2".to_owned()), ..Self::default() }
    }

    /// One scalar.
    pub(super) fn scalar(wall_time: f64, tag: &str, value: f32, step: i64) -> Self {
        let value = SummaryValue { tag: tag.to_owned(), simple_value: Some(value) };
        Self { wall_time, step, summary: Some(Summary { value: vec![value] }), ..Self::default() }
    }

    /// A run starts at this step: readers drop what they have from this step on.
    pub(super) fn session_start(wall_time: f64, step: i64) -> Self {
        Self { wall_time, step, session_log: Some(SessionLog { status: SESSION_START }), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // Expected bytes: `SerializeToString()` of TensorBoard 2.21's own messages.

    #[test]
    fn version_event_has_tensorboards_bytes() {
        let bytes = Event::version(1.5).encode_to_vec();
        assert_eq!(hexadecimal(&bytes), "09000000000000f83f1a0d627261696e2e4576656e743a32");
    }

    #[test]
    fn a_scalar_of_zero_is_still_written() {
        let bytes = Event::scalar(2.0, "loss", 0.0, 7).encode_to_vec();
        assert_eq!(hexadecimal(&bytes), "09000000000000004010072a0d0a0b0a046c6f73731500000000");
    }

    #[test]
    fn session_start_has_tensorboards_bytes() {
        let bytes = Event::session_start(2.0, 300).encode_to_vec();
        assert_eq!(hexadecimal(&bytes), "09000000000000004010ac023a020801");
    }
}
