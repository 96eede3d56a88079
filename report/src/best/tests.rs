//! What wins, what cannot win, and what is said about both.

use serde_json::json;

use super::*;
use crate::fixtures::{curve, record, with};

fn run(lr: f64, seed: i64, last: f64) -> RunRecord {
    let mut run = curve(with(record("cifar100", seed), json!({"lr": lr})), &[0.1, last]);
    run.path = format!("lr{lr}_seed{seed}.json").into();
    run
}

fn winner(answer: &Answer) -> String {
    let group = &answer.groups[0];
    group.winner().unwrap().attributes.json_object(&group.keys)
}

#[test]
fn the_best_mean_wins_in_either_direction() {
    let runs = [run(0.1, 0, 0.5), run(0.1, 1, 0.7), run(0.2, 0, 0.65), run(0.2, 1, 0.65)];
    let mut question = Question::default();
    assert_eq!(winner(&best(&runs, &question).unwrap()), r#"{"lr":0.2}"#);
    question.goal = Goal::Min;
    assert_eq!(winner(&best(&runs, &question).unwrap()), r#"{"lr":0.1}"#);
}

#[test]
fn a_setting_with_a_diverged_run_never_wins_and_is_listed_with_the_step() {
    let mut diverged = run(0.2, 1, 0.99);
    diverged.diverged_at = Some(412);
    for goal in [Goal::Max, Goal::Min] {
        let runs = [run(0.1, 0, 0.5), run(0.1, 1, 0.5), run(0.2, 0, 0.9), diverged.clone()];
        let answer = best(&runs, &Question { goal, ..Question::default() }).unwrap();
        assert_eq!(winner(&answer), r#"{"lr":0.1}"#);
        let last = answer.groups[0].ranked.last().unwrap();
        assert_eq!(last.excluded[0].reason, Unmeasured::Diverged { step: 412 });
        let text = answer.text(1);
        assert!(text.contains("seed 1: diverged at step 412 (lr0.2_seed1.json)"), "{text}");
        assert!(text.contains("2 settings tried, 2 seeds, 4 runs"), "{text}");
    }
}

#[test]
fn when_everything_diverged_nothing_wins() {
    let mut run = run(0.2, 1, 0.9);
    run.diverged_at = Some(3);
    let answer = best(&[run], &Question::default()).unwrap();
    assert!(answer.groups[0].winner().is_none());
    assert!(answer.text(3).contains("no setting is in the race"), "{}", answer.text(3));
}

#[test]
fn ties_do_not_depend_on_the_order_of_files() {
    let mut runs = vec![run(0.2, 0, 0.5), run(0.1, 0, 0.5), run(0.3, 0, 0.5)];
    let first = winner(&best(&runs, &Question::default()).unwrap());
    runs.reverse();
    assert_eq!(winner(&best(&runs, &Question::default()).unwrap()), first);
    assert_eq!(first, r#"{"lr":0.1}"#);
    runs.push(run(0.4, 0, 0.4));
    let answer = best(&runs, &Question::default()).unwrap();
    let ranks: Vec<_> = answer.groups[0].ranked.iter().map(|candidate| candidate.rank).collect();
    assert_eq!(ranks, [Some(1), Some(1), Some(1), Some(4)], "equal means have one rank");
}

#[test]
fn two_results_for_one_seed_are_both_named_and_count_once() {
    let (mut again, runs) = (run(0.1, 0, 0.9), [run(0.1, 0, 0.5), run(0.1, 1, 0.3)]);
    again.path = "copy.json".into();
    let answer = best(&[runs[0].clone(), again, runs[1].clone()], &Question::default()).unwrap();
    let winner = answer.groups[0].winner().unwrap();
    assert_eq!(winner.spread.unwrap().n, 2);
    assert!((winner.spread.unwrap().mean - 0.5).abs() < 1e-12);
    let warning = &answer.warnings[0];
    assert!(warning.contains("lr0.1_seed0.json") && warning.contains("copy.json"), "{warning}");
}

#[test]
fn a_winner_with_fewer_seeds_is_told() {
    let answer = best(&[run(0.1, 0, 0.9), run(0.2, 0, 0.5), run(0.2, 1, 0.5)], &Question::default()).unwrap();
    assert!(answer.warnings[0].contains("has 1 seeds and others have 2"), "{:?}", answer.warnings);
}

#[test]
fn groups_are_what_is_asked_for() {
    let sgd = with(record("cifar100", 0), json!({"optimizer": "SGD", "lr": 0.1}));
    let runs = [run(0.1, 0, 0.5), sgd, record("sst2", 0)];
    let titles = |question: &Question| -> Vec<String> {
        best(&runs, question).unwrap().groups.iter().map(Ranking::title).collect()
    };
    let question = Question::default();
    assert_eq!(
        titles(&question),
        ["task cifar100, optimizer AdamW", "task cifar100, optimizer SGD", "task sst2, optimizer AdamW"]
    );
    // Nothing races across problems, whatever is grouped by.
    assert_eq!(
        titles(&Question { group_by: Vec::new(), ..question }),
        [
            "batch_size 128, epochs 2, task cifar100",
            "batch_size 128, epochs 3, task cifar100",
            "batch_size 16, epochs 3, task sst2"
        ]
    );
    let alone = best(&runs[..1], &Question { group_by: Vec::new(), ..Question::default() }).unwrap();
    assert_eq!(alone.groups[0].title(), "all runs");
}

#[test]
fn a_word_that_no_run_knows_is_refused_with_a_way_out() {
    let runs = [run(0.1, 0, 0.5)];
    let question = Question { group_by: vec!["optimiser".into()], ..Question::default() };
    let error = best(&runs, &question).unwrap_err();
    assert_eq!(error.help().unwrap(), "did you mean optimizer?");
    let question = Question { metric: "accuracy".into(), ..Question::default() };
    let error = best(&runs, &question).unwrap_err();
    assert!(error.help().unwrap().contains("val_accuracy"));
}

#[test]
fn only_what_differs_is_told() {
    let low = Attributes::of(&with(record("cifar100", 0), json!({"optimizer": "SGD", "lr": 0.1, "epochs": 3})));
    let high = with(record("cifar100", 0), json!({"optimizer": "SGD", "lr": 0.2, "epochs": 3, "momentum": 0.5}));
    let high = Attributes::of(&high);
    let keys = distinguishing([&low, &high, &low], Detail::Full);
    assert_eq!(keys, ["lr", "momentum"]);
    assert_eq!(low.json_object(&keys), r#"{"lr":0.1,"momentum":0.9}"#);
    assert_eq!(words(&high, &keys), "lr=0.2 momentum=0.5");
}

#[test]
fn a_group_is_called_by_what_it_has() {
    let name = |pairs: &[(&str, &str)]| {
        let name = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ranking { name, keys: Vec::new(), ranked: Vec::new(), seeds: 0, runs: 0 }.title()
    };
    assert_eq!(name(&[("task", "cifar100"), ("optimizer", "AdamW")]), "task cifar100, optimizer AdamW");
    assert_eq!(name(&[("task", "command"), ("optimizer", "")]), "task command");
    assert_eq!(name(&[("optimizer", "")]), "all runs");
}
