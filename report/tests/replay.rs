//! Replays of the reference's two kinds of results, whole and tampered with.

use std::fs;
use std::path::Path;

use aees_report::replay::{Finding, replay};
use aees_report::{Control, ResultSet, ResultSource};
use serde_json::{Value, json};

use crate::archive;

const CHECKPOINTING: &str = "checkpointing/cifar100_asym20/adamw_cosine.json";
const TREND: &str = "sst2/sst2_main_small_ep200_dual_seed4.json";
const CONDITIONAL: &str = "sst2/sst2_main_small_ep200_conditional_seed0.json";
const UNIFORM: &str = "attribution_controls/cifar100_asym20_seed0/adamw_uniform_random.json";

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_run_of_the_archive_is_reproduced() {
    let set = ResultSet::read(&[ResultSource::Folder(archive())]).unwrap();
    let mut replayed = Vec::new();
    for run in &set.runs {
        let found = replay(&run.path).unwrap();
        let expected = if run.control == Control::Baseline { Finding::Nothing } else { Finding::Reproduced };
        assert_eq!(found.finding, expected, "{}: {}", run.path.display(), found.summary());
        assert!(found.not_compared.is_empty(), "{}: {:?}", run.path.display(), found.not_compared);
        assert_eq!(found.reproduced, run.episodes.as_ref().map_or(0, |episodes| episodes.end_steps.len()));
        replayed.push(run.control);
    }
    for method in [
        Control::Adaptive,
        Control::Random,
        Control::Fixed,
        Control::UniformRandom,
        Control::FrequencyMatched,
        Control::Baseline,
    ] {
        assert!(replayed.contains(&method), "no {method:?} run");
    }
}

/// Changes one number of a file, and gives the first difference that a replay of it finds.
fn tampered(file: &str, pointer: &str, value: Value) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let mut document = read_json(&archive().join(file));
    *document.pointer_mut(pointer).unwrap() = value;
    fs::write(scratch.path().join("run"), document.to_string()).unwrap();
    let found = replay(&scratch.path().join("run")).unwrap();
    match found.finding {
        Finding::Differs(difference) => {
            assert_eq!(found.reproduced + 1, difference.episode.unwrap_or(1), "the episodes before are reproduced");
            difference.to_string()
        }
        other => panic!("{pointer}: {other:?}"),
    }
}

#[test]
fn every_kind_of_change_is_found_in_its_episode() {
    let logs = "/episode_logs";
    let lr = "/controller_logs/lr_controller_logs";
    let of = |file: &str, pointer: String, value: Value, expected: &str| {
        let found = tampered(file, &pointer, value);
        assert!(found.starts_with(expected), "{found}");
    };
    of(
        CHECKPOINTING,
        format!("{logs}/selected_lr_values/11"),
        json!(4.0),
        "episode 12: lr multiplier is 4.0 in the file",
    );
    of(CHECKPOINTING, format!("{logs}/selected_lr_indices/4"), json!(7), "episode 5: lr arm is 7 in the file and");
    of(
        CHECKPOINTING,
        format!("{logs}/selected_combined_names/0"),
        json!("lr9"),
        "episode 1: candidate is lr9 in the file",
    );
    // A reward is recomputed before it is believed.
    of(CHECKPOINTING, format!("{logs}/episode_rewards/20"), json!(0.5), "episode 21: reward is 0.5 in the file and");
    of(CHECKPOINTING, format!("{logs}/episode_ema_loss_ends/30"), json!(1.0), "episode 31: reward_base is");
    of(
        CHECKPOINTING,
        format!("{logs}/episode_start_steps/3"),
        json!(601),
        "episode 4: first step is 601 in the file and 600",
    );
    of(
        CHECKPOINTING,
        format!("{logs}/episode_end_steps/3"),
        json!(800),
        "episode 4: last step is 800 in the file and 799",
    );
    let count = format!("{lr}/effective_counts_history/35/2.0");
    of(CHECKPOINTING, count, json!(1.5), "episode 36: effective count of lr arm 2.0 is 1.5 in the file and");
    let value = format!("{lr}/value_estimates_history/9/0.5");
    of(CHECKPOINTING, value, json!(null), "episode 10: value estimate of lr arm 0.5 is null in the file and");
    of(
        TREND,
        format!("{logs}/context_trends/8"),
        json!("worsening"),
        "episode 9: context is worsening in the file and",
    );
    let sum = format!("{lr}/bucket_reward_sums_history/6/improving");
    of(TREND, sum, json!(-3.0), "episode 7: reward sum of lr (context improving) is -3.0 in the file and");
    let by_lr = "/controller_logs/noise_controller_logs_by_lr/1.3/global_prior_logs/controller_updates_history/12";
    of(CONDITIONAL, by_lr.into(), json!(99), "episode 13: updates of noise (after lr 1.3) (all contexts) is 99.0");
    let planned = "/config/open_loop_policy/planned_lr_indices/6";
    of(UNIFORM, planned.into(), json!(9), "before training: the planned lr arm of episode 7 is 9 in the file and");
    of(UNIFORM, format!("{logs}/episode_rewards/6"), json!(0.1), "episode 7: reward is 0.1 in the file and 0.0");
    // Another seed is another run.
    let seed = tampered(CHECKPOINTING, "/seed", json!(1));
    assert!(seed.starts_with("episode 1: lr multiplier is"), "{seed}");
}

#[test]
fn what_a_file_lacks_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let mut document = read_json(&archive().join(CHECKPOINTING));
    document["controller_logs"] = Value::Null;
    document["episode_logs"].as_object_mut().unwrap().remove("episode_ema_loss_ends");
    fs::write(scratch.path().join("run"), document.to_string()).unwrap();
    let found = replay(&scratch.path().join("run")).unwrap();
    assert_eq!(
        found.summary(),
        "36 of 36 decisions reproduced; not compared: rewards (no ends of the smoothed loss), \
         counts and estimates (no controller_logs)"
    );
}
