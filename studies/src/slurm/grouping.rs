//! From runs to tasks and from tasks to arrays, within what a cluster takes.

use super::SlurmError;
use crate::study::SlurmOptions;

/// A task should not be shorter than that: starting one costs a scheduler seconds.
const SHORTEST_TASK: f64 = 600.0;

/// What a cluster takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements of an array.
    pub array_size: usize,
    /// Tasks that may still be submitted; none when nothing says.
    pub room: Option<usize>,
}

impl Default for Limits {
    /// Slurm's own defaults.
    fn default() -> Self {
        Self { array_size: 1001, room: None }
    }
}

/// When an array's tasks may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArrayTurn {
    pub(super) tasks: usize,
    /// How many of its tasks run at the same time.
    pub(super) throttle: Option<usize>,
    /// The array that it comes after.
    pub(super) after: Option<usize>,
}

/// How many runs a task does, so that it is long enough, ends in its time, and all tasks fit.
pub(super) fn runs_per_task(
    options: &SlurmOptions,
    runs: usize,
    seconds_of_a_run: Option<f64>,
    limits: Limits,
) -> Result<usize, SlurmError> {
    // The collect job needs a place, too.
    let most = limits.room.map(|room| room.saturating_sub(1));
    if let Some(fixed) = options.runs_per_task {
        let tasks = runs.div_ceil(fixed as usize);
        return match most {
            Some(most) if tasks > most => Err(SlurmError::TooManyTasks { tasks, most }),
            _ => Ok(fixed as usize),
        };
    }
    let in_turn = seconds_of_a_run.filter(|seconds| *seconds > 0.0).map_or(1.0, |seconds| {
        let enough = (SHORTEST_TASK / seconds).ceil();
        let in_time = options.time_seconds.map_or(enough, |time| (0.5 * time as f64 / seconds).floor());
        enough.min(in_time).clamp(1.0, runs as f64)
    });
    // In range: it was clamped.
    let wanted = options.side_by_side() * (in_turn as usize).max(1);
    match most {
        Some(0) => Err(SlurmError::TooManyTasks { tasks: 1, most: 0 }),
        Some(most) => Ok(wanted.max(runs.div_ceil(most))),
        None => Ok(wanted),
    }
}

/// Arrays of so many tasks, of which never more than `max_parallel` run at the same time.
pub(super) fn arrays(tasks: usize, options: &SlurmOptions, limits: Limits) -> Vec<ArrayTurn> {
    let size = limits.array_size.max(1);
    let count = tasks.div_ceil(size);
    let parallel = options.max_parallel.map(|most| most as usize);
    // Slurm's throttle is each array's own: arrays share it, and those that get nothing wait for one that did.
    let lanes = parallel.map_or(count, |parallel| count.min(parallel)).max(1);
    let share = |parallel: usize, lane: usize| parallel / lanes + usize::from(lane < parallel % lanes);
    let turn = |index: usize| ArrayTurn {
        tasks: size.min(tasks - index * size),
        throttle: parallel.map(|parallel| share(parallel, index % lanes)),
        after: index.checked_sub(lanes),
    };
    (0..count).map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(options: &SlurmOptions, runs: usize, seconds: Option<f64>, room: Option<usize>) -> Option<usize> {
        runs_per_task(options, runs, seconds, Limits { array_size: 1001, room }).ok()
    }

    #[test]
    fn a_task_is_ten_minutes_long_where_the_length_of_runs_is_known() {
        let usual = SlurmOptions::default();
        assert_eq!(group(&usual, 100, None, None), Some(1));
        assert_eq!(group(&usual, 100, Some(60.0), None), Some(10));
        assert_eq!(group(&usual, 4, Some(60.0), None), Some(4));
        assert_eq!(group(&usual, 100, Some(7200.0), None), Some(1));
        let side_by_side = SlurmOptions { tasks_per_node: Some(4), ..usual.clone() };
        assert_eq!(group(&side_by_side, 100, Some(300.0), None), Some(8));
        let short = SlurmOptions { time_seconds: Some(300), ..usual };
        assert_eq!(group(&short, 100, Some(60.0), None), Some(2), "half of its time");
    }

    #[test]
    fn tasks_fit_into_what_slurm_takes_or_are_refused() {
        let usual = SlurmOptions::default();
        assert_eq!(group(&usual, 1000, None, Some(201)), Some(5));
        assert_eq!(group(&usual, 1000, None, Some(1)), None, "there is only the collect job's place");
        let fixed = SlurmOptions { runs_per_task: Some(2), ..usual };
        assert_eq!(group(&fixed, 1000, Some(1.0), None), Some(2));
        assert_eq!(group(&fixed, 1000, None, Some(501)), Some(2));
        assert_eq!(group(&fixed, 1000, None, Some(500)), None);
    }

    #[test]
    fn arrays_keep_to_the_throttle_together() {
        let of = |tasks, parallel, size| {
            let options = SlurmOptions { max_parallel: parallel, ..SlurmOptions::default() };
            arrays(tasks, &options, Limits { array_size: size, room: None })
        };
        let turn = |tasks, throttle, after| ArrayTurn { tasks, throttle, after };
        assert_eq!(of(12, None, 5), [turn(5, None, None), turn(5, None, None), turn(2, None, None)]);
        assert_eq!(of(12, Some(8), 5), [turn(5, Some(3), None), turn(5, Some(3), None), turn(2, Some(2), None)]);
        assert_eq!(of(12, Some(2), 5), [turn(5, Some(1), None), turn(5, Some(1), None), turn(2, Some(1), Some(0))]);
        for parallel in 1..20 {
            let turns = of(50, Some(parallel), 5);
            assert_eq!(turns.iter().map(|turn| turn.tasks).sum::<usize>(), 50);
            let at_once: usize =
                turns.iter().filter(|turn| turn.after.is_none()).filter_map(|turn| turn.throttle).sum();
            assert_eq!(at_once, parallel as usize);
        }
    }
}
