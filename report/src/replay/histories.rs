//! Compares what the controllers know after an episode with `controller_logs`: value estimates, effective counts, plays and
//! updates of every controller, selected or not, and of every context.

use aees_control::controller::{Controller, ControllerSnapshot, UcbSnapshot};
use aees_control::{Axis, CandidateSet, python_float};
use serde_json::Value;

use super::difference::Difference;

/// The first number that is not as recorded. Logs that are not there are passed over.
pub(super) fn compare(
    index: usize,
    logs: &Value,
    candidates: &CandidateSet,
    lr: Option<&Controller>,
    noise: &[Controller],
) -> Option<Difference> {
    let lr_logs = logs.get("lr_controller_logs");
    let of_lr = lr.and_then(|controller| {
        axis(&Place { index, name: "lr".into(), arms: arms(candidates, Axis::Lr) }, lr_logs?, controller)
    });
    if of_lr.is_some() {
        return of_lr;
    }
    let noise_arms = arms(candidates, Axis::Noise);
    if let [only] = noise {
        let place = Place { index, name: "noise".into(), arms: noise_arms };
        return axis(&place, logs.get("noise_controller_logs")?, only);
    }
    let by_lr = logs.get("noise_controller_logs_by_lr")?;
    arms(candidates, Axis::Lr).iter().zip(noise).find_map(|(multiplier, controller)| {
        let place = Place { index, name: format!("noise (after lr {multiplier})"), arms: noise_arms.clone() };
        axis(&place, by_lr.get(multiplier)?, controller)
    })
}

/// Where a number stands, in words.
struct Place {
    index: usize,
    name: String,
    arms: Vec<String>,
}

fn arms(candidates: &CandidateSet, axis: Axis) -> Vec<String> {
    candidates.values(axis).into_iter().map(python_float::repr).collect()
}

fn axis(place: &Place, log: &Value, controller: &Controller) -> Option<Difference> {
    let snapshot = match controller.snapshot() {
        ControllerSnapshot::DiscountedUcb(state) => return statistics(place, log, Some(&state)),
        ControllerSnapshot::Bucketed(snapshot) => snapshot,
        // They learn nothing, and have no histories.
        ControllerSnapshot::Random(_) | ControllerSnapshot::Precomputed(_) => return None,
    };
    let inside = |what: &str| Place { name: format!("{} {what}", place.name), arms: place.arms.clone(), ..*place };
    let global = log.get("global_prior_logs");
    let global = global.and_then(|log| statistics(&inside("(all contexts)"), log, Some(&snapshot.global_prior_state)));
    let of_bucket = |(name, state): (&String, &Option<UcbSnapshot>)| {
        let bucket = inside(&format!("(context {name})"));
        let logs = log.get("bucket_controller_logs").and_then(|logs| logs.get(name));
        let visits = snapshot.bucket_visit_counts[name] as f64;
        let counted = |key: &str, what: &str, number: f64| {
            let rows = log.get(key)?.as_array()?;
            let recorded = rows.get(place.index).and_then(|row| row.get(name));
            Difference::of_value(place.index, format!("{what} of {}", bucket.name), recorded, Some(number))
        };
        logs.and_then(|logs| statistics(&bucket, logs, state.as_ref()))
            .or_else(|| {
                let visited = logs?.get("bucket_visit_count_history")?.as_array()?.get(place.index);
                Difference::of_value(place.index, format!("visits of {}", bucket.name), visited, Some(visits))
            })
            .or_else(|| counted("bucket_visit_counts_history", "visits", visits))
            .or_else(|| counted("bucket_reward_sums_history", "reward sum", snapshot.bucket_reward_sums[name]))
            .or_else(|| {
                let distinct = snapshot.bucket_distinct_arm_counts[name] as f64;
                counted("bucket_distinct_arm_counts_history", "distinct arms", distinct)
            })
    };
    global.or_else(|| snapshot.bucket_states.iter().find_map(of_bucket))
}

/// The four histories of one bandit; null where it does not exist yet.
fn statistics(place: &Place, log: &Value, state: Option<&UcbSnapshot>) -> Option<Difference> {
    let index = place.index;
    let by_arm = |key: &str, what: &str, numbers: Option<Vec<f64>>| {
        let row = log.get(key)?.as_array()?.get(index);
        let Some(numbers) = numbers else {
            return Difference::of_value(index, format!("{what} of {}", place.name), row, None);
        };
        place.arms.iter().zip(numbers).find_map(|(arm, number)| {
            let what = format!("{what} of {} arm {arm}", place.name);
            Difference::of_value(index, what, row.and_then(|row| row.get(arm)), Some(number))
        })
    };
    let plays = |state: &UcbSnapshot| state.warmup_counts.iter().map(|count| *count as f64).collect();
    by_arm("value_estimates_history", "value estimate", state.map(|state| state.mean_rewards.clone()))
        .or_else(|| by_arm("effective_counts_history", "effective count", state.map(|state| state.counts.clone())))
        .or_else(|| by_arm("warmup_counts_history", "plays", state.map(plays)))
        .or_else(|| {
            let recorded = log.get("controller_updates_history")?.as_array()?.get(index);
            let updates = state.map(|state| state.total_updates as f64);
            Difference::of_value(index, format!("updates of {}", place.name), recorded, updates)
        })
}
