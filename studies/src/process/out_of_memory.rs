//! Whether the kernel killed a process for want of memory: all that it says of it is a count for the whole machine.

use std::fs;

/// How many processes the kernel has killed for want of memory since the boot; 0 where it does not say.
pub(crate) fn out_of_memory_kills() -> u64 {
    let counters = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or_default()
}
