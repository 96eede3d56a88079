//! `aees runs why`: how a run came to be where it is, in words and in order.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::LookFlags;
use super::show::{fields, member, section, state};
use super::{parsed, plain, seed, why_json};
use crate::failure::Failure;
use crate::stdout;
use crate::table::first_line;
use aees_run::times::{moment, span};
use aees_studies::registry::{AttemptRow, EventRow, Usage, Why};

/// Tells a run's history.
pub(super) fn run(typed: &LookFlags) -> Result<ExitCode, Failure> {
    let why = typed.why()?;
    if typed.json {
        stdout::line(to_json(&why));
        return Ok(ExitCode::SUCCESS);
    }
    let run = &why.run;
    stdout::line(format!("run {} of task {}, seed {}: {}", run.run_id, run.task, seed(run), state(run)));
    let mut identity = vec![("setting".to_owned(), run.config_id.full().to_owned())];
    identity.extend(fields(&parsed(&why.identity_json)));
    section("Identity", &identity);
    let studies = why.memberships.iter().map(|place| (moment(place.added_at), member(place))).collect::<Vec<_>>();
    section("Studies (UTC)", &studies);
    section("Attempts (UTC)", &why.attempts.iter().map(attempt).collect::<Vec<_>>());
    section("Events (UTC)", &why.events.iter().map(event).collect::<Vec<_>>());
    Ok(ExitCode::SUCCESS)
}

fn attempt(row: &AttemptRow) -> (String, String) {
    let ended = match (row.ended_at, row.ending.as_deref()) {
        (Some(at), Some(ending)) => format!("{ending} after {}", span((at - row.started_at).max(0) as f64)),
        _ => "goes on".into(),
    };
    let class = row.class.as_ref().map(|class| format!(" ({class})")).unwrap_or_default();
    let error = row.error.as_ref().map(|error| format!(": {}", first_line(error))).unwrap_or_default();
    let used = used(&row.usage);
    (format!("{}  {}", row.attempt_no, moment(row.started_at)), format!("{}  {ended}{class}{error}{used}", row.worker))
}

/// What is known of an attempt's cost.
fn used(usage: &Usage) -> String {
    let parts = [
        usage.exit_code.map(|code| format!("exit code {code}")),
        usage.wall_ms.map(|wall| format!("{} of work", span(wall as f64))),
        usage.flops.map(|flops| format!("{flops:.3e} FLOP")),
        usage.peak_bytes.map(|bytes| format!("{} MiB", bytes >> 20)),
        usage.episodes.map(|episodes| format!("{episodes} episodes")),
        usage.tokens_in.map(|tokens| format!("{tokens} tokens in")),
        usage.tokens_out.map(|tokens| format!("{tokens} tokens out")),
        usage.cost_usd.map(|cost| format!("{cost} USD")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("  [{}]", parts.join(", ")) }
}

fn event(row: &EventRow) -> (String, String) {
    // What a worker's run did, it did at the worker; everything else somebody did.
    let at_worker =
        ["completed", "failed", "retry_scheduled", "deferred", "interrupted", "paused", "killed", "released"];
    let by = if at_worker.contains(&row.kind.as_str()) { "at" } else { "by" };
    let by = row.actor.as_ref().map(|actor| format!(" {by} {actor}")).unwrap_or_default();
    let moved = match (row.from, row.to) {
        (Some(from), Some(to)) => format!("  ({from} -> {to}, epoch {})", row.epoch.unwrap_or_default()),
        _ => String::new(),
    };
    (moment(row.at), format!("{}{by}{}{moved}", words(row), details(row)))
}

/// The kind of an event in words.
fn words(row: &EventRow) -> String {
    let study = row.study.as_deref().unwrap_or("a study");
    match row.kind.as_str() {
        "planned" => "planned".into(),
        "claimed" => "claimed".into(),
        "lease_expired" => "its worker went silent until the lease ended; taken over".into(),
        "worker_dead" => "its worker was found dead".into(),
        "completed" => "gave its result".into(),
        "adopted" => "a result on the disk was taken in".into(),
        "failed" => "failed".into(),
        "retry_scheduled" => "failed, and is to be tried again".into(),
        "deferred" => "put off".into(),
        "interrupted" => "stopped with work left".into(),
        "released" => "given back before its first step".into(),
        "cancelled" => "cancelled".into(),
        "retried" => "made pending again".into(),
        "invalidated" => "its result was withdrawn".into(),
        "vanished" => "its result was gone from the disk".into(),
        "superseded" => "no study lists it any more".into(),
        "revived" => "a study lists it again".into(),
        "changed" => "its result was not the accepted one any more".into(),
        "paused" => "stopped at a rung, to be compared".into(),
        "promoted" => format!("goes on in study {study}"),
        "pruned" => format!("pruned in study {study}"),
        "compared_anew" => format!("study {study} prunes by another rule now"),
        "killed" => "its worker was killed".into(),
        "restored" => format!("taken back into study {study}"),
        "withdrawn" => format!("withdrawn from study {study}"),
        "dropped" => format!("study {study} no longer lists it"),
        "nondeterminism" => "a second, different result was refused".into(),
        "unexplained" => "moved by hand".into(),
        other => other.to_owned(),
    }
}

/// What else an event says.
fn details(row: &EventRow) -> String {
    let payload = row.payload.as_deref().map(parsed).unwrap_or_default();
    let text = |key: &str| payload.get(key).filter(|value| !value.is_null() && **value != "").map(plain);
    let short = |key: &str| text(key).map(|digest| digest.chars().take(16).collect::<String>());
    let parts = [
        text("class").map(|class| format!("class {class}")),
        text("reason").or_else(|| text("why")),
        text("previous_worker").map(|worker| format!("the worker was {worker}")),
        payload.get("not_before").and_then(Value::as_i64).map(|at| format!("not before {}", moment(at))),
        text("outcome").map(|outcome| format!("outcome {outcome}")),
        short("result_sha").map(|sha| format!("result {sha}")),
        compared(&payload),
        short("offered").map(|sha| format!("it was {sha}")),
        payload
            .get("accepted")
            .and_then(|accepted| accepted.get("result_sha"))
            .map(|sha| format!("it was {}", plain(sha))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// `epoch 3, val_accuracy 0.31, number 7 of 9`.
fn compared(payload: &Value) -> Option<String> {
    let (at, by) = (payload["at"].as_u64()?, payload["by"].as_str()?);
    let value = payload["value"].as_f64().map_or("no number".to_owned(), |value| value.to_string());
    let metric = payload["metric"].as_str().unwrap_or("value");
    let rank = payload["rank"].as_u64().zip(payload["of"].as_u64());
    let rank = rank.map(|(rank, of)| format!(", number {rank} of {of}")).unwrap_or_default();
    Some(format!("{by} {at}, {metric} {value}{rank}"))
}

fn to_json(why: &Why) -> Value {
    let mut run = why_json(why);
    run["attempt_list"] = why.attempts.iter().map(attempt_json).collect();
    run["events"] = why.events.iter().map(event_json).collect();
    run
}

fn attempt_json(row: &AttemptRow) -> Value {
    json!({
        "epoch": row.epoch, "attempt": row.attempt_no, "host": row.worker.host, "pid": row.worker.pid,
        "started_at": row.started_at, "ended_at": row.ended_at, "ending": row.ending, "class": row.class,
        "error": row.error, "fingerprint": row.fingerprint, "result_sha": row.result_sha,
        "usage": row.usage,
    })
}

fn event_json(row: &EventRow) -> Value {
    json!({
        "seq": row.seq, "at": row.at, "kind": row.kind, "study": row.study, "from": row.from.map(|state| state.name()),
        "to": row.to.map(|state| state.name()), "epoch": row.epoch, "actor": row.actor,
        "payload": row.payload.as_deref().map(parsed), "words": words(row),
    })
}
