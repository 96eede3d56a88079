//! Writes a study that measures the winners again, on seeds that nothing has seen: the best of many settings was picked
//! for its luck as well, and only fresh seeds tell the two apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::{Answer, Ranking};
use crate::attributes::{changed_settings, task_of};
use crate::error::ReportError;
use crate::record::RunRecord;

/// `count` seeds after the highest one seen.
fn fresh_seeds(seen: &BTreeSet<i64>, count: u64) -> Vec<i64> {
    let after = seen.last().map_or(0, |last| last.saturating_add(1)).max(0);
    // Seeds near the end of the numbers leave no room: then those that are free from 0 up.
    let first = if after < i64::MAX / 2 { after } else { 0 };
    let free = (first..=i64::MAX).filter(|seed| !seen.contains(seed));
    free.take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

/// The text of a study of the winners with `count` fresh seeds. `seen` are seeds that must not come again beside those of
/// `runs`, such as those of runs that failed.
///
/// # Errors
/// When nothing won, or the winners cannot stand in one study.
pub fn study(
    answer: &Answer,
    runs: &[RunRecord],
    seen: &BTreeSet<i64>,
    count: u64,
    name: &str,
) -> Result<String, ReportError> {
    if !(1..=1_000_000).contains(&count) {
        let message = format!("{count} fresh seeds are asked for, and there must be from 1 to 1000000");
        return Err(ReportError::new(message, Some("5 to 30 are usual".into())));
    }
    let winners: Vec<(&Ranking, &RunRecord)> =
        answer.groups.iter().filter_map(|group| Some((group, runs.get(group.winner()?.example)?))).collect();
    let tasks: BTreeSet<&str> = winners.iter().map(|(_, run)| run.task.as_str()).collect();
    let task = match tasks.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => return Err(ReportError::new("no group has a winner to confirm", None)),
        [task] => (*task).to_owned(),
        tasks => {
            let message = format!("the winners are of several tasks ({}), and a study has one", tasks.join(", "));
            return Err(ReportError::new(message, Some("give the results of one task at a time".into())));
        }
    };
    let foreign = || {
        ReportError::new(
            format!("the winner is of the task {task}, whose results do not say how the program is called"),
            Some("copy the study file, set the winning values under `set:`, and give it fresh `seeds:`".into()),
        )
    };
    let known = task_of(&task).ok_or_else(foreign)?;
    let seen: BTreeSet<i64> = seen.iter().copied().chain(runs.iter().map(|run| run.seed)).collect();
    let seeds: Vec<String> = fresh_seeds(&seen, count).iter().map(i64::to_string).collect();
    let question = &answer.question;
    let (measure, goal) = (question.measure.to_string(), question.goal.name());
    let mut text = format!(
        "# Measures winners again, on {count} seeds that none of the runs they were picked from had.\n\
         aees: 1\nname: {name}\ntask: {task}\n"
    );
    for (group, _) in &winners {
        let winner = group.winner().map(|winner| winner.numbers(&question.metric)).unwrap_or_default();
        let words = format!("{}: {winner}, the best of {} settings", group.title(), group.ranked.len());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# {}", words.replace(|letter: char| letter.is_control(), " "));
    }
    match winners.as_slice() {
        [(_, run)] => settings(&mut text, "base:", "  ", &changed_settings(run, known)),
        _ => {
            text.push_str("cases:\n");
            for ((group, run), name) in winners.iter().zip(case_names(&winners)) {
                let _ = writeln!(text, "  - name: {name}");
                let _ = writeln!(text, "    # {}", group.title().replace(|letter: char| letter.is_control(), " "));
                settings(&mut text, "    set:", "      ", &changed_settings(run, known));
            }
        }
    }
    let _ = writeln!(text, "seeds: [{}]", seeds.join(", "));
    let _ = writeln!(text, "metric: {{name: {}, goal: {goal}, measure: {measure}}}", quoted(&question.metric));
    Ok(text)
}

/// A block of settings; nothing when there is none, as an empty map is no setting.
fn settings(text: &mut String, head: &str, indent: &str, settings: &BTreeMap<&str, Value>) {
    if settings.is_empty() {
        return;
    }
    text.push_str(head);
    text.push('\n');
    for (key, value) in settings {
        // JSON is YAML.
        let _ = writeln!(text, "{indent}{key}: {value}");
    }
}

/// A name for each winner: its group's values, or its number where two would have the same.
fn case_names(winners: &[(&Ranking, &RunRecord)]) -> Vec<String> {
    let slug = |group: &Ranking| {
        let values: Vec<&str> = group.name.iter().filter(|(key, _)| key != "task").map(|(_, value)| &**value).collect();
        slug(&values.join("-"))
    };
    let names: Vec<String> = winners.iter().map(|(group, _)| slug(group)).collect();
    let unique = |name: &String| !name.is_empty() && names.iter().filter(|other| *other == name).count() == 1;
    let numbered =
        |(index, name): (usize, &String)| if unique(name) { name.clone() } else { format!("best-{}", index + 1) };
    names.iter().enumerate().map(numbered).collect()
}

/// A word of letters that a name of a study or a case may have.
pub fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let word = |letter: char| {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_' { letter } else { '-' }
    };
    let name: String = lower.chars().map(word).collect();
    name.trim_matches(['-', '_']).chars().take(64).collect()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Question, best};
    use super::*;
    use crate::fixtures::{record, with};
    use crate::record::Control;
    use aees_studies::study::Study;

    fn winning(runs: &[RunRecord], seen: &[i64], count: u64) -> Result<String, ReportError> {
        let answer = best(runs, &Question::default()).unwrap();
        study(&answer, runs, &seen.iter().copied().collect(), count, "again")
    }

    fn read(text: &str) -> Study {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("again.yaml");
        std::fs::write(&path, text).unwrap();
        Study::read(&path).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
    }

    #[test]
    fn the_seeds_are_disjoint_from_all_that_were_seen() {
        let runs: Vec<RunRecord> = (0..5).map(|seed| with(record("cifar100", seed), json!({"lr": 0.01}))).collect();
        let study = read(&winning(&runs, &[17, 3], 30).unwrap());
        assert_eq!(study.seeds, (18..48).collect::<Vec<i64>>());
        let edge = [with(record("cifar100", i64::MAX), json!({})), with(record("cifar100", 1), json!({}))];
        assert_eq!(read(&winning(&edge, &[], 3).unwrap()).seeds, [0, 2, 3]);
    }

    #[test]
    fn the_winners_settings_are_told_and_its_places_are_not() {
        let config = json!({"lr": 0.02, "epochs": 7, "seed": 3, "output": "/x", "device": "cuda", "data": "synthetic",
            "lr_candidates": [0.5, 1.0], "control_mode": "adaptive", "model_name": "resnet18"});
        let mut run = with(record("cifar100", 3), config);
        (run.control, run.lr_candidates) = (Control::Adaptive, vec![0.5, 1.0]);
        let text = winning(&[run], &[], 2).unwrap();
        let settings = r#"base:
  control_mode: "adaptive"
  data: "synthetic"
  epochs: 7
  lr: 0.02
  lr_candidates: [0.5,1.0]
seeds: [4, 5]
"#;
        assert!(text.contains(settings), "{text}");
        assert_eq!(read(&text).name, "again");
    }

    #[test]
    fn two_groups_become_two_cases() {
        let sgd = with(record("cifar100", 0), json!({"optimizer": "SGD", "lr": 0.1}));
        let study = read(&winning(&[record("cifar100", 0), sgd], &[], 2).unwrap());
        assert_eq!(study.seeds, [1, 2]);
        let error = winning(&[record("cifar100", 0), record("sst2", 0)], &[], 2).unwrap_err();
        assert!(error.to_string().contains("several tasks (cifar100, sst2)"));
    }
}
