//! What it means that a program ended without a result.
//!
//! The class is what the program says in its last JSON line, `{"class": "data"}`, if it is a class of failures. If it says
//! nothing: `config` for the exit codes 126 and 127, by which shells tell that they cannot run something; `oom` for a
//! SIGKILL while the kernel killed for memory, and for the words that Python, PyTorch and C++ have for it; `io` for a full
//! disk; `panic` for Rust's exit code; `signal` for every other signal, which a shell reports as 128 and its number; else
//! `unknown`: a traceback alone does not tell whether trying again helps.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use aees_run::printable::printable;
use serde_json::Value;

use super::output::Output;
use crate::job::{Ended, EndedState};
use crate::process::out_of_memory_kills;
use crate::study::FAILURE_CLASSES;

/// By this exit code a program says that it is rate limited.
const RATE_LIMITED: i32 = 42;

/// The class of failures that is none, but a rate limit.
const RATE_LIMIT_CLASS: &str = "rate_limit";

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 4_000;

const SIGKILL: i32 = 9;

/// How Python, PyTorch, C++ and Rust tell that memory is short.
const OUT_OF_MEMORY: [&str; 6] = [
    "MemoryError",
    "OutOfMemoryError",
    "CUDA out of memory",
    "std::bad_alloc",
    "Cannot allocate memory",
    "memory allocation of",
];

/// The program ended by itself, and not well.
pub(super) fn verdict(program: &str, status: Option<ExitStatus>, killed_before: u64, output: &Output) -> Ended {
    let said = |key: &str| output.last_object().and_then(|object| object.map.get(key));
    let said_class = said("class").and_then(Value::as_str).filter(|class| FAILURE_CLASSES.contains(class));
    let code = status.and_then(|status| status.code());
    let message = message(program, status, said("message").and_then(Value::as_str), output);
    if code == Some(RATE_LIMITED) || said_class == Some(RATE_LIMIT_CLASS) {
        let after_seconds = said("retry_after").and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0);
        return Ended { message, exit_code: code, ..EndedState::RateLimited { after_seconds }.into() };
    }
    let killed_for_memory = out_of_memory_kills() > killed_before;
    let class = said_class.unwrap_or_else(|| class(status, killed_for_memory, &output.last_lines()));
    Ended { message, exit_code: code, ..EndedState::Failed { class: class.to_owned() }.into() }
}

/// The program took too long.
pub(super) fn timed_out(seconds: f64, status: Option<ExitStatus>, output: &Output) -> Ended {
    let message = with_lines(format!("stopped after its timeout of {seconds} s"), &output.last_lines());
    let help = "raise `timeout` in the study's `command` if it needs longer".to_owned();
    let code = status.and_then(|status| status.code());
    Ended { message, help: Some(help), exit_code: code, ..EndedState::Failed { class: "timeout".into() }.into() }
}

fn class(status: Option<ExitStatus>, killed_for_memory: bool, last_lines: &str) -> &'static str {
    let code = status.and_then(|status| status.code());
    let signal = status.and_then(|status| status.signal()).or_else(|| signal_by_shell(code?));
    match signal {
        Some(SIGKILL) if killed_for_memory => return "oom",
        _ if OUT_OF_MEMORY.iter().any(|words| last_lines.contains(words)) => return "oom",
        Some(_) => return "signal",
        None => {}
    }
    match code {
        Some(126 | 127) => "config",
        _ if last_lines.contains("No space left on device") => "io",
        Some(101) if last_lines.contains("panicked at") => "panic",
        _ => "unknown",
    }
}

/// A shell's exit code for a program that a signal ended.
fn signal_by_shell(code: i32) -> Option<i32> {
    (129..=159).contains(&code).then_some(code - 128)
}

fn message(program: &str, status: Option<ExitStatus>, said: Option<&str>, output: &Output) -> String {
    let said = said.map(printable);
    let how = match (status.and_then(|status| status.code()), status.and_then(|status| status.signal())) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended, and the system does not tell how".to_owned(),
    };
    with_lines(format!("{program} {how}"), said.as_deref().unwrap_or(&output.last_lines()))
}

/// What was said, under a headline; the end of it, if it is long.
pub(super) fn with_lines(headline: String, lines: &str) -> String {
    if lines.is_empty() {
        return format!("{headline}; it printed no reason");
    }
    let headline: String = headline.chars().take(LONGEST_MESSAGE / 4).collect();
    let room = LONGEST_MESSAGE - headline.chars().count() - 1;
    let start = lines.char_indices().rev().take(room).last().map_or(0, |(at, _)| at);
    format!("{headline}\n{}", &lines[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_end() {
        let exit = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let signal = |signal: i32| Some(ExitStatus::from_raw(signal));
        assert_eq!(class(signal(9), true, ""), "oom");
        assert_eq!(class(signal(9), false, ""), "signal");
        assert_eq!(class(exit(137), true, ""), "oom");
        assert_eq!(class(signal(15), true, ""), "signal");
        assert_eq!(class(signal(6), false, "terminate called after throwing 'std::bad_alloc'"), "oom");
        assert_eq!(class(exit(1), false, "Traceback:\nMemoryError"), "oom");
        assert_eq!(class(exit(1), true, "torch.OutOfMemoryError: CUDA out of memory."), "oom");
        assert_eq!(class(exit(127), false, "sh: 1: trian: not found"), "config");
        assert_eq!(class(exit(1), false, "OSError: [Errno 28] No space left on device"), "io");
        assert_eq!(class(exit(101), false, "thread 'main' panicked at src/main.rs:1:1:"), "panic");
        assert_eq!(class(exit(1), false, "Traceback:\nKeyError: 'lr'"), "unknown");
        assert_eq!(class(None, true, ""), "unknown");
    }

    #[test]
    fn a_long_message_keeps_its_end() {
        let message = with_lines("headline".into(), &format!("{}the reason", "é".repeat(10_000)));
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
        assert!(message.starts_with("headline\né") && message.ends_with("the reason"));
        assert_eq!(with_lines("headline".into(), "all"), "headline\nall");
    }
}
