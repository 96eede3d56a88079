//! Compares what the controllers know after an episode with `controller_logs`: value estimates, effective counts, plays and
//! updates of every controller, selected or not, and of every context.

use aees_control::controller::{BanditHistory, ColumnName, ContextHistory, Controller, LogCell};
use aees_control::{Axis, CandidateSet, python_float};
use serde_json::Value;

use crate::difference::{Difference, RecordPart};

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
        axis(&LogPlace { index, name: "lr".into(), arms: arms(candidates, Axis::Lr) }, lr_logs?, controller)
    });
    if of_lr.is_some() {
        return of_lr;
    }
    let noise_arms = arms(candidates, Axis::Noise);
    if let [only] = noise {
        let place = LogPlace { index, name: "noise".into(), arms: noise_arms };
        return axis(&place, logs.get("noise_controller_logs")?, only);
    }
    let by_lr = logs.get("noise_controller_logs_by_lr")?;
    arms(candidates, Axis::Lr).iter().zip(noise).find_map(|(multiplier, controller)| {
        let place = LogPlace { index, name: format!("noise (after lr {multiplier})"), arms: noise_arms.clone() };
        axis(&place, by_lr.get(multiplier)?, controller)
    })
}

/// Where a number stands, in words.
struct LogPlace {
    index: usize,
    name: String,
    arms: Vec<String>,
}

impl LogPlace {
    fn episode(&self) -> RecordPart {
        RecordPart::Episode(self.index + 1)
    }
}

fn arms(candidates: &CandidateSet, axis: Axis) -> Vec<String> {
    candidates.values(axis).into_iter().map(python_float::repr).collect()
}

fn axis(place: &LogPlace, log: &Value, controller: &Controller) -> Option<Difference> {
    let now = controller.snapshot();
    let (overall, columns) = (now.overall()?, controller.columns());
    if now.contexts().is_empty() {
        return bandit(place, log, &columns, overall);
    }
    let inside = |what: &str| LogPlace { name: format!("{} {what}", place.name), arms: place.arms.clone(), ..*place };
    let global = log.get("global_prior_logs");
    let global = global.and_then(|log| bandit(&inside("(all contexts)"), log, &columns, overall));
    let of_context = |(name, context): (&str, &ContextHistory)| {
        let place = inside(&format!("(context {name})"));
        let logs = log.get("bucket_controller_logs").and_then(|logs| logs.get(name));
        let visits = context.visit_counts[0] as f64;
        let counted = |key: &str, what: &str, number: f64| {
            let rows = log.get(key)?.as_array()?;
            let recorded = rows.get(place.index).and_then(|row| row.get(name));
            Difference::of_value(place.episode(), format!("{what} of {}", place.name), recorded, Some(number))
        };
        logs.and_then(|logs| bandit(&place, logs, &columns, &context.bandit))
            .or_else(|| {
                let visited = logs?.get("bucket_visit_count_history")?.as_array()?.get(place.index);
                Difference::of_value(place.episode(), format!("visits of {}", place.name), visited, Some(visits))
            })
            .or_else(|| counted("bucket_visit_counts_history", "visits", visits))
            .or_else(|| counted("bucket_reward_sums_history", "reward sum", context.reward_sums[0]))
            .or_else(|| {
                let distinct = context.distinct_arm_counts[0] as f64;
                counted("bucket_distinct_arm_counts_history", "distinct arms", distinct)
            })
    };
    global.or_else(|| controller.contexts().into_iter().zip(now.contexts()).find_map(of_context))
}

/// The columns of one bandit; null where it does not exist yet.
fn bandit(place: &LogPlace, log: &Value, columns: &[ColumnName], now: &BanditHistory) -> Option<Difference> {
    columns.iter().enumerate().find_map(|(column, ColumnName { key, words })| {
        let row = log.get(key)?.as_array()?.get(place.index);
        let of_row = |number| Difference::of_value(place.episode(), format!("{words} of {}", place.name), row, number);
        let of_arms = |numbers: &mut dyn Iterator<Item = f64>| {
            place.arms.iter().zip(numbers).find_map(|(arm, number)| {
                let what = format!("{words} of {} arm {arm}", place.name);
                Difference::of_value(place.episode(), what, row.and_then(|row| row.get(arm)), Some(number))
            })
        };
        match now.cell(column, 0) {
            None => of_row(None),
            Some(LogCell::Arm(numbers)) => of_arms(&mut numbers.iter().copied()),
            Some(LogCell::ArmCount(counts)) => of_arms(&mut counts.iter().map(|count| *count as f64)),
            Some(LogCell::Count(count)) => of_row(Some(count as f64)),
        }
    })
}
