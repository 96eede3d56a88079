//! The keys of a study file: what each is called, what it is for, and what can stand there. The parser knows a key by this
//! table, and the schema for editors is made of it.

use serde_json::{Map, Value, json};

use super::purpose::StatedPurpose;

/// The failure classes of a run.
pub(crate) const FAILURE_CLASSES: [&str; 12] = [
    "config",
    "data",
    "checkpoint",
    "diverged",
    "oom",
    "io",
    "panic",
    "timeout",
    "signal",
    "rate_limit",
    "walltime",
    "unknown",
];

/// A key of a map.
#[derive(Clone, Copy)]
pub(super) struct StudyKey {
    pub(super) name: &'static str,
    /// What it is for, in a sentence.
    pub(super) help: &'static str,
    /// What can stand there, as JSON Schema.
    pub(super) schema: fn() -> Value,
}

const fn key(name: &'static str, help: &'static str, schema: fn() -> Value) -> StudyKey {
    StudyKey { name, help, schema }
}

/// A map with these keys.
pub(super) fn map_of(keys: &[StudyKey], required: &[&str]) -> Value {
    let property = |key: &StudyKey| {
        let mut schema = (key.schema)();
        schema["description"] = key.help.into();
        (key.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn one_of(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn text() -> Value {
    json!({"type": "string"})
}

/// What YAML reads as a text is one here, whatever it looks like.
fn scalar() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 1})
}

fn from_zero() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn from_two() -> Value {
    json!({"type": "integer", "minimum": 2})
}

fn above_zero() -> Value {
    json!({"type": "number", "exclusiveMinimum": 0})
}

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn time() -> Value {
    json!({"anyOf": [above_zero(), pattern("^[0-9.]+ *(s|m|min|h|d)?$")]})
}

fn words(words: &[&str]) -> Value {
    json!({"enum": words})
}

fn list_of(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn some_of(items: &Value) -> Value {
    json!({"type": "array", "items": items, "minItems": 1})
}

fn text_or_texts() -> Value {
    json!({"anyOf": [text(), list_of(&text())]})
}

/// The keys of the file itself, beside those of a block.
pub(super) const STUDY: &[StudyKey] = &[
    key("aees", "The version of study files that this one follows: 1.", || json!({"const": 1})),
    key("name", "The study's name; the file's name without its ending when left out.", || {
        pattern("^[a-z0-9][a-z0-9_-]{0,63}$")
    }),
    key("task", "What the runs do: train on a data set, or call a program.", || one_of("task")),
    key("note", "Words of your own.", scalar),
    key("base", "What the settings start from: a file, a map, or a list of both.", || one_of("base")),
    key("configs", "Files with settings; the whole study is run on each.", || some_of(&one_of("base"))),
    key("exclude", "Combinations to leave out: rules of settings and values, all of which must match.", || {
        one_of("rules")
    }),
    key(
        "seeds",
        "A number of seeds, a text such as \"0-4,7\", or a list.",
        || json!({"anyOf": [from_zero(), text(), list_of(&from_zero())]}),
    ),
    key("search", "How combinations are chosen; all of them when left out.", || map_of(SEARCH, &["method"])),
    key("metric", "What the study is judged by.", || map_of(METRIC, &["name"])),
    key("prune", "Which runs are stopped before their end because others do better.", || map_of(PRUNE, &[])),
    key("budget", "What the study may spend.", || map_of(BUDGET, &[])),
    key("retry", "How often each class of failure is tried again; inf for as often as it takes.", retry),
    key("breakers", "When the study stops because something is wrong with all of it.", || map_of(BREAKERS, &[])),
    key("on_end", "A command to run when the study's runs end; it gets a JSON summary on standard input.", || {
        one_of("hook")
    }),
    key("on_failure", "The same, only when runs failed or the study was stopped by a breaker.", || one_of("hook")),
    key("resources", "Where its runs go on one machine.", || map_of(RESOURCES, &[])),
    key("slurm", "What its tasks ask of Slurm, for `aees slurm submit`.", || map_of(SLURM, &[])),
    key("compat", "Ways of other orchestrators, for studies that come from them.", || map_of(COMPAT, &[])),
    key("command", "The program of a study with `task: command`.", || map_of(COMMAND, &["argv"])),
    key("loop", "How it goes on by itself from its start, for `aees loop`.", || map_of(LOOP, &[])),
];

/// The keys of the study and of each of its cases: what is set, what varies, and what it is for.
pub(super) const BLOCK: &[StudyKey] = &[
    key("set", "Settings with one value.", || one_of("settings")),
    key("sweep", "Settings with several values, every combination of which is run.", || one_of("axes")),
    key("zip", "Groups of settings whose values go together: first with first, second with second.", || one_of("zip")),
    key("cases", "Blocks with a name, each with its own settings, sweeps and cases.", || one_of("cases")),
    key("purpose", "What the runs are for, by which reports keep them apart: accuracy, timing or ablation.", || {
        words(&StatedPurpose::NAMES)
    }),
];

/// The keys of a case beside those of a block.
pub(super) const CASE: &[StudyKey] = &[
    key("name", "What it is called in tables and by --case.", || json!({"type": ["string", "number"]})),
    key("note", "Words of your own.", scalar),
];

/// `search`.
pub(super) const SEARCH: &[StudyKey] = &[
    key(
        "method",
        "grid, random, sobol (points that fill the space evenly) or tpe (which learns from results).",
        || words(&["grid", "random", "sobol", "tpe"]),
    ),
    key("n", "How many combinations are tried.", count),
    key("seed", "The seed of the search; 0 when left out.", from_zero),
    key("first", "tpe: how many trials do not learn yet; 10 when left out.", count),
    key("round", "tpe: how many trials are chosen at once; 10 when left out.", count),
];

/// `metric`.
pub(super) const METRIC: &[StudyKey] = &[
    key("name", "A number of the results: val_accuracy; val.acc of a program.", text),
    key("goal", "Whether more or less of it is better; max when left out.", || words(&["max", "min"])),
    key("measure", "Which value of its curve counts: final, best, auc (the mean) or last_k(n).", || {
        pattern("^(final|best|auc|last_k\\( *[1-9][0-9]* *\\))$")
    }),
];

/// `prune`.
pub(super) const PRUNE: &[StudyKey] = &[
    key(
        "method",
        "asha, which decides at once by the runs that came so far, or halving, which waits for all; asha when left out.",
        || words(&["asha", "halving"]),
    ),
    key("metric", "What runs are compared by; the study's `metric` when left out.", || map_of(METRIC, &["name"])),
    key("by", "What rungs count; epoch for training and step for a program when left out.", || {
        words(&["epoch", "step"])
    }),
    key("grace", "The first rung: no run is stopped before it; 1 when left out.", count),
    key("factor", "One setting in so many goes on at each rung, and rungs grow by it; 3 when left out.", from_two),
    key("rungs", "The rungs, instead of those that begin at `grace` and grow by `factor`.", || some_of(&count())),
    key(
        "seeds",
        "mean: a setting's seeds go on or stop together, by their mean; each: a run is compared with runs of its seed only; \
         mean when left out.",
        || words(&["mean", "each"]),
    ),
    key(
        "per",
        "Only settings that agree in these are compared, `case` among them; when left out, what is part of the problem.",
        || list_of(&text()),
    ),
];

/// `budget`.
pub(super) const BUDGET: &[StudyKey] = &[
    key("max_hours", "Hours until running runs are checkpointed and stopped.", above_zero),
    key("max_runs", "Runs that are started without --yes.", count),
    key("per_run_timeout", "How long one run may take: 90s, 5min, 2h.", time),
];

/// `breakers`.
pub(super) const BREAKERS: &[StudyKey] = &[
    key("consecutive", "Failures in a row; 10 when left out.", count),
    key("same_fingerprint", "Settings that fail in the same way; 3 when left out.", count),
];

/// `resources`.
pub(super) const RESOURCES: &[StudyKey] = &[
    key("devices", "The devices to use: auto for all there are, or a list such as [cuda:0, cuda:1].", text_or_texts),
    key("per_device", "Runs at the same time on each device.", count),
    key("jobs", "Runs at the same time.", count),
    key("pack", "Runs of training that share a process; 1 when left out.", count),
];

/// `slurm`.
pub(super) const SLURM: &[StudyKey] = &[
    key("partition", "Where the tasks run; the cluster's own choice when left out.", scalar),
    key("account", "Who pays.", scalar),
    key("qos", "The quality of service.", scalar),
    key("time", "How long one task may take: 90min, 12h, 1:30:00; the partition's limit when left out.", text),
    key("cpus", "Cores of a task, shared out among its runs.", count),
    key("gpus", "GPUs of a task: 1, or a100:2.", || json!({"type": ["integer", "string"]})),
    key("mem", "Memory of a task: 8G.", || pattern("^[0-9]+[KMGT]$")),
    key("constraint", "Features that a node must have.", scalar),
    key("exclude", "Nodes that are not used.", scalar),
    key("max_parallel", "Tasks at the same time; as many as Slurm gives when left out.", count),
    key("tasks_per_node", "Runs side by side in a task; as many as `pack` when left out.", count),
    key("pack", "Runs of training that share a process; 1 when left out.", count),
    key(
        "runs_per_task",
        "Runs of a task in all; when left out, so many that a task takes at least ten minutes, as far as that is known.",
        count,
    ),
    key(
        "signal_lead",
        "How long before its end a task is warned, to write checkpoints: 120s when left out, half of `time` if that is less.",
        time,
    ),
    key("setup", "Shell lines before the task: module load cuda.", text_or_texts),
    key("extra", "Further options of sbatch, as they are: --mail-type=END.", text_or_texts),
];

/// `loop`.
pub(super) const LOOP: &[StudyKey] = &[
    key("baseline", "Runs of an incumbent on fresh seeds, by which its noise is known; 4 when left out.", from_two),
    key("seeds", "Seeds on which a candidate is judged; 3 when left out.", count),
    key("retest", "Seeds more for a candidate that is better but not clearly so; 3 when left out.", from_zero),
    key("scout", "Seeds after which a hopeless candidate is dropped, 0 for never; 1 when left out.", from_zero),
    key("refresh", "Candidates after which an incumbent gets fresh seeds; 10 when left out.", count),
    key("loops", "Iterations of `aees loop start` where it names no number.", count),
    key("patience", "Iterations without a kept candidate after which the loop ends; never when left out.", count),
    key(
        "command",
        "A program that proposes: JSON on its standard input, a proposal on its standard output; the built-in proposer when left out.",
        || one_of("hook"),
    ),
    key("command_timeout", "How long that program may take; 10min when left out.", time),
    key("first", "Random proposals of the built-in proposer before it learns; 10 when left out.", from_zero),
    key("seed", "The seed of the built-in proposer; 0 when left out.", from_zero),
    key("max_fixes", "How often failed runs of a candidate are tried again; 2 when left out.", from_zero),
    key("fixed", "Settings that no proposal may change.", || list_of(&text())),
];

/// What a loop decides itself, or has no use for.
pub(super) const NOT_IN_LOOPS: [&str; 12] = [
    "seeds",
    "search",
    "prune",
    "exclude",
    "cases",
    "configs",
    "on_end",
    "on_failure",
    "slurm",
    "compat",
    "zip",
    "purpose",
];

/// `compat`.
pub(super) const COMPAT: &[StudyKey] = &[
    key("order", "The order of the combinations; file when left out.", || words(&["file", "sorted", "first-fastest"])),
    key(
        "override_semantics",
        "Whether overrides are merged or replace a whole top-level key; merge when left out.",
        || words(&["merge", "top-level-replace"]),
    ),
];

/// `command`.
pub(super) const COMMAND: &[StudyKey] = &[
    key("argv", "The program and its arguments; {key} is a setting, {seed}, {run_dir}, {device} or {threads}.", || {
        some_of(&scalar())
    }),
    key(
        "result",
        "Where the result is: last_json_line, or {file: PATH} from the run's folder.",
        || json!({"anyOf": [{"const": "last_json_line"}, {"type": "object", "properties": {"file": text()}, "required": ["file"], "additionalProperties": false}]}),
    ),
    key("timeout", "How long one run may take: 90s, 5min, 2h.", time),
    key(
        "env",
        "Variables: {KEY: value}, null to take one away; or a list with names of secrets to pass on.",
        environment,
    ),
    key(
        "workdir",
        "The folder to work in, from the study file's folder; where the study is planned when left out.",
        text,
    ),
    key("code", "Your word for the program's version; part of the runs' identity.", scalar),
    key("identity", "What of the program is part of the runs' identity: argv, digest; [argv] when left out.", || {
        list_of(&words(&["argv", "digest"]))
    }),
    key("defaults", "Settings that mean the same as when they are left out.", || json!({"type": "object"})),
    key(
        "aliases",
        "Settings that were renamed: {new: old}.",
        || json!({"type": "object", "additionalProperties": {"type": "string"}}),
    ),
    key("log_limit", "How large log.txt may become; 64 MiB when left out.", || pattern("^[0-9]+ *(kB|KB|MB|GB)$")),
];

fn environment() -> Value {
    let map = json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}});
    let list = json!({"type": "array", "items": {"anyOf": [{"type": "string"}, map]}});
    json!({"anyOf": [map, list]})
}

fn retry() -> Value {
    let times = json!({"anyOf": [from_zero(), {"enum": ["inf"]}]});
    let classes: Map<String, Value> =
        FAILURE_CLASSES.map(|class| (class.to_owned(), times.clone())).into_iter().collect();
    json!({"type": "object", "properties": classes, "additionalProperties": false})
}

/// The names of some keys.
pub(super) fn names(keys: &[&'static [StudyKey]]) -> Vec<&'static str> {
    keys.iter().flat_map(|keys| keys.iter().map(|key| key.name)).collect()
}
