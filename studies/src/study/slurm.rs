//! The `slurm:` block of a study: what its tasks ask of the batch system. Nothing of it is part of an identity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fields::{YamlFields, wrong};
use super::policy::duration;

/// The longest warning that Slurm takes.
const LONGEST_LEAD: u64 = 65_535;

/// The warning where the study says nothing.
const USUAL_LEAD: u64 = 120;

/// What the program sets itself, with the letter that is short for it.
const OUR_OPTIONS: [(&str, Option<char>); 15] = [
    ("--array", Some('a')),
    ("--dependency", Some('d')),
    ("--error", Some('e')),
    ("--job-name", Some('J')),
    ("--nodes", Some('N')),
    ("--no-requeue", None),
    ("--ntasks", Some('n')),
    ("--open-mode", None),
    ("--output", Some('o')),
    ("--parsable", None),
    ("--requeue", None),
    ("--signal", None),
    ("--time", Some('t')),
    ("--wait", Some('W')),
    ("--wrap", None),
];

/// What the tasks of a study ask of Slurm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlurmOptions {
    /// Where they run.
    pub partition: Option<String>,
    /// Who pays.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// Seconds that one task may take; none for the partition's own limit.
    pub time_seconds: Option<u64>,
    /// Cores of a task.
    pub cpus: Option<u32>,
    /// GPUs of a task: a number, or a kind and a number.
    pub gpus: Option<String>,
    /// Memory of a task.
    pub mem: Option<String>,
    /// Features that a node must have.
    pub constraint: Option<String>,
    /// Nodes that are not used.
    pub exclude: Option<String>,
    /// Tasks at the same time.
    pub max_parallel: Option<u32>,
    /// Runs side by side in a task.
    pub tasks_per_node: Option<u32>,
    /// Runs that share a process.
    pub pack: Option<u32>,
    /// Runs of a task, one after the other and side by side.
    pub runs_per_task: Option<u32>,
    /// Seconds between the warning and the end of the time, where the study says so.
    pub signal_lead_seconds: Option<u64>,
    /// Shell lines before the task.
    pub setup: Vec<String>,
    /// Options of `sbatch`, as they are.
    pub extra: Vec<String>,
}

impl SlurmOptions {
    /// Seconds between the warning and the end of the time.
    pub fn signal_lead(&self) -> u64 {
        let usual = self.time_seconds.map_or(USUAL_LEAD, |time| USUAL_LEAD.min(time / 2));
        self.signal_lead_seconds.unwrap_or(usual)
    }

    /// Runs side by side in a task.
    pub fn side_by_side(&self) -> usize {
        self.tasks_per_node.map_or(self.pack(), |runs| runs as usize)
    }

    /// Runs that share a process.
    pub fn pack(&self) -> usize {
        self.pack.map_or(1, |runs| runs as usize)
    }

    pub(super) fn read(mut fields: YamlFields<'_>) -> Self {
        let line = |fields: &mut YamlFields<'_>, key: &str| fields.parse(key, "a text of one line", one_line);
        let lead =
            |text: &str| duration(text).map(|lead| lead.as_secs()).filter(|lead| (1..=LONGEST_LEAD).contains(lead));
        let options = Self {
            partition: line(&mut fields, "partition"),
            account: line(&mut fields, "account"),
            qos: line(&mut fields, "qos"),
            constraint: line(&mut fields, "constraint"),
            exclude: line(&mut fields, "exclude"),
            gpus: fields.parse("gpus", "a number, or a kind and a number as in a100:2", gpus),
            mem: fields.parse("mem", "an amount such as 8G or 500M", memory),
            time_seconds: fields.parse("time", TIME, time).map(|time| time.as_secs()),
            signal_lead_seconds: fields.parse("signal_lead", "a time from 1s to 65535s", lead),
            cpus: fields.count("cpus"),
            max_parallel: fields.count("max_parallel"),
            tasks_per_node: fields.count("tasks_per_node"),
            pack: fields.count("pack"),
            runs_per_task: fields.count("runs_per_task"),
            setup: lines(&mut fields, "setup", "shell lines", |_| true),
            extra: lines(&mut fields, "extra", "options of sbatch that this program does not set itself", is_free),
        };
        if let (Some(lead), Some(time)) = (options.signal_lead_seconds, options.time_seconds)
            && let Some(place) = fields.get("signal_lead").filter(|_| lead >= time)
        {
            fields.errors().push(wrong(place, "`signal_lead` in slurm", "less than `time`"));
        }
        options
    }
}

/// A text, each line of which is one, or a list of lines.
fn lines(fields: &mut YamlFields<'_>, key: &str, expected: &str, is_good: impl Fn(&str) -> bool) -> Vec<String> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let texts = node.text().map(|text| vec![text]).or_else(|| node.texts());
    let lines = texts.unwrap_or_default().into_iter().flat_map(str::lines).map(str::to_owned);
    let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() || !lines.iter().all(|line| is_good(line)) {
        fields.errors().push(wrong(node, &format!("`{key}` in slurm"), expected));
    }
    lines
}

/// Whether a line is an option that this program does not set itself.
fn is_free(line: &str) -> bool {
    let word = line.trim().split(['=', ' ']).next().unwrap_or_default();
    let is_ours = |(long, short): &(&str, Option<char>)| {
        word == *long || short.is_some_and(|short| !word.starts_with("--") && word.chars().nth(1) == Some(short))
    };
    word.starts_with('-') && word.len() > 1 && !OUR_OPTIONS.iter().any(is_ours)
}

fn one_line(text: &str) -> Option<String> {
    (!text.trim().is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

fn gpus(text: &str) -> Option<String> {
    let (kind, count) = text.rsplit_once(':').unwrap_or(("gpu", text));
    let is_kind = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || "_.-:".contains(c));
    let is_count = count.parse::<u32>().is_ok_and(|count| count > 0);
    (is_kind && is_count).then(|| text.to_owned())
}

fn memory(text: &str) -> Option<String> {
    let number = text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text);
    (number.parse::<u64>().is_ok_and(|amount| amount > 0) && number != text).then(|| text.to_owned())
}

/// What a time limit looks like. A bare number is minutes to Slurm and seconds elsewhere in a study, so it is neither.
const TIME: &str = "a time such as 90min, 12h, 1:30:00 or 2-00:00:00 (a bare number would be minutes or seconds)";

/// A time with a unit, or as Slurm writes it: `D-HH:MM:SS`, `D-HH`, `HH:MM:SS`, `MM:SS`.
fn time(text: &str) -> Option<Duration> {
    if text.parse::<f64>().is_ok() {
        return None;
    }
    duration(text).filter(|time| time.as_secs() > 0).or_else(|| slurm_time(text).map(Duration::from_secs))
}

/// Seconds of a time as Slurm writes it.
pub(crate) fn slurm_time(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, text),
    };
    let parts: Vec<u64> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = match (days, parts.as_slice()) {
        (Some(_), [hours]) => hours * 3600,
        (Some(_), [hours, minutes]) => hours * 3600 + minutes * 60,
        (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        (None, [minutes, seconds]) => minutes * 60 + seconds,
        _ => return None,
    };
    Some(days.unwrap_or(0).checked_mul(86_400)?.checked_add(seconds)?).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_slurm_writes_them() {
        let seconds = |text: &str| time(text).map(|time| time.as_secs());
        for (text, expected) in [
            ("90min", 5400),
            ("1:30:00", 5400),
            ("10:00", 600),
            ("2-00:00:00", 172_800),
            ("1-12", 129_600),
            ("1-12:30", 131_400),
            ("0-01:00:00", 3600),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["30", "0:00", "0s", "1:2:3:4", "soon", "-1", "1-", "99999999999999999999-00:00:00"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn options_that_this_program_sets_are_not_the_users() {
        for line in ["--mail-type=END", "--nice=100", "-x node1", "--gpu-bind closest", "--no-kill"] {
            assert!(is_free(line), "{line}");
        }
        for line in ["--array=1-9", "-a1-9", "-J x", "--signal=TERM@9", "nodes", "-", "--no-requeue", "-t 3"] {
            assert!(!is_free(line), "{line}");
        }
    }
}
