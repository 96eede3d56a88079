//! The RunResult as a file format.

/// Raised when a key changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// Top-level keys that hold times or the machine.
pub const TIME_KEYS: [&str; 5] =
    ["circumstances", "epoch_wall_clock_seconds", "hardware", "runtime_metrics", "wall_clock_seconds"];
