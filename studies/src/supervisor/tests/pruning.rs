//! Studies of runs whose curves are known, pruned by the real supervisor and registry, beside a simulation of the published
//! algorithm that shares nothing with them.

use std::collections::BTreeSet;

use super::*;
use crate::prune::RungVerdict;
use crate::study::{Objective, ProgressUnit, PruneMethod, SeedComparison};

/// Steps to the end of a run.
const END: u64 = 27;

fn rule(method: PruneMethod, grace: u64) -> PruneRule {
    PruneRule {
        method,
        metric: Objective::parse("loss (min final)"),
        by: ProgressUnit::Step,
        grace,
        factor: 3,
        rungs: None,
        seeds: SeedComparison::Mean,
        per: Vec::new(),
    }
}

/// Losses that fall to where each setting ends, at a speed of its own, so that some cross: `end + height / step ^ speed`.
struct Curves(Vec<[f64; 3]>);

impl Curves {
    /// A study of so many settings.
    fn new(study: u64, settings: u64) -> Self {
        let mut state = study.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut uniform = || {
            // Xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for _ in 0..20 {
            uniform();
        }
        Self((0..settings).map(|_| [0.3 * uniform(), 0.5 + 2.0 * uniform(), 0.2 + uniform()]).collect())
    }

    fn loss(&self, setting: usize, step: u64) -> f64 {
        let [end, height, speed] = self.0[setting];
        end + height / (step as f64).powf(speed)
    }

    fn best(&self) -> usize {
        (0..self.0.len()).min_by(|one, other| self.loss(*one, END).total_cmp(&self.loss(*other, END))).unwrap()
    }
}

/// What came of a study.
struct Race {
    /// The settings that came to their end.
    kept: BTreeSet<usize>,
    /// Steps that were taken by all runs together.
    cost: u64,
    outcome: Outcome,
}

/// The number of the setting of a job.
fn setting(job: &Job) -> usize {
    usize::from_str_radix(&job.run_id[..8], 16).unwrap()
}

/// Takes a run from where it is to where it is to stop.
fn advance(job: &Job, curves: &Curves, cost: &mut u64) -> Fate {
    let path = job.run_directory.join("metrics.jsonl");
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    let done = text.lines().count() as u64;
    let stop = job.stop_at.as_ref().map_or(END, |stop_at| stop_at.at.min(END));
    for step in done + 1..=stop {
        text += &format!("{}\n", json!({"step": step, "loss": curves.loss(setting(job), step)}));
    }
    fs::write(&path, text).unwrap();
    *cost += stop.saturating_sub(done);
    if stop == END { Fate::Done } else { Fate::Ends(EndedState::Paused) }
}

fn run(scratch: &mut Scratch, curves: &Curves, slots: usize) -> Race {
    let (mut cost, mut kept) = (0, BTreeSet::new());
    let outcome = scratch.run(slots, |job| {
        let fate = advance(job, curves, &mut cost);
        if matches!(fate, Fate::Done) {
            kept.insert(setting(job));
        }
        fate
    });
    Race { kept, cost, outcome }
}

/// In memory, where there is a file system in memory.
fn scratch(settings: u64, rule: &PruneRule) -> Scratch {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    Scratch { folder, ..Scratch::new(settings) }.pruned_by(rule)
}

/// ASHA as it was published (Li et al. 2020, algorithm 2), with one worker and so many steps to spend. Gives the settings that came
/// to the end, and the steps that it spent.
fn published_asha(curves: &Curves, (grace, factor): (u64, usize), budget: u64) -> (BTreeSet<usize>, u64) {
    let mut rungs: Vec<Vec<(f64, usize)>> = Vec::new();
    let mut resources = Vec::new();
    let mut resource = grace;
    while resource < END {
        resources.push(resource);
        resource *= factor as u64;
    }
    resources.push(END);
    rungs.resize(resources.len(), Vec::new());
    let mut promoted: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); resources.len()];
    let (mut next, mut spent) = (0, 0);
    loop {
        // get_job: from the highest rung down, the best of those that can go on; else a new setting.
        let mut job = None;
        for rung in (0..resources.len() - 1).rev() {
            let mut sorted = rungs[rung].clone();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
            let mut candidates = sorted.iter().take(sorted.len() / factor).map(|(_, setting)| *setting);
            if let Some(setting) = candidates.find(|setting| !promoted[rung].contains(setting)) {
                promoted[rung].insert(setting);
                job = Some((setting, rung + 1));
                break;
            }
        }
        if job.is_none() && next < curves.0.len() {
            job = Some((next, 0));
            next += 1;
        }
        let Some((setting, rung)) = job else { break };
        let cost = resources[rung] - if rung == 0 { 0 } else { resources[rung - 1] };
        if spent + cost > budget {
            break;
        }
        spent += cost;
        rungs[rung].push((curves.loss(setting, resources[rung]), setting));
    }
    (rungs.last().unwrap().iter().map(|(_, setting)| *setting).collect(), spent)
}

/// The best setting is kept at least as often as by published ASHA at the same cost, for about a third of what all runs cost.
#[test]
fn the_best_setting_is_kept_at_least_as_often_as_by_published_asha() {
    const STUDIES: u64 = 100;
    let whole = 27 * END;
    for method in [PruneMethod::Asha, PruneMethod::Halving] {
        let (mut ours, mut published, mut cost) = (0, 0, 0);
        for study in 1..=STUDIES {
            let curves = Curves::new(study, 27);
            let race = run(&mut scratch(27, &rule(method, 3)), &curves, 1);
            let (reference, spent) = published_asha(&curves, (3, 3), race.cost);
            assert!(spent <= race.cost);
            if method == PruneMethod::Asha {
                assert!(reference.is_subset(&race.kept), "study {study}: {reference:?} and {:?}", race.kept);
            }
            ours += u64::from(race.kept.contains(&curves.best()));
            published += u64::from(reference.contains(&curves.best()));
            cost += race.cost;
            let (done, pruned) = (race.outcome.count(RunState::Done), race.outcome.count(RunState::Pruned));
            assert_eq!((done as usize, done + pruned), (race.kept.len(), 27));
        }
        let share = cost as f64 / (STUDIES * whole) as f64;
        println!("{}: kept {ours}, published ASHA {published} of {STUDIES}, cost {share:.3} of all", method.name());
        assert!(ours >= published, "{}: {ours} and {published} of {STUDIES}", method.name());
        assert!((0.2..0.4).contains(&share), "{}: {share}", method.name());
    }
}

#[test]
fn halving_keeps_the_same_whatever_runs_beside_what() {
    let curves = Curves::new(7, 20);
    let alone = run(&mut scratch(20, &rule(PruneMethod::Halving, 1)), &curves, 1);
    let side_by_side = run(&mut scratch(20, &rule(PruneMethod::Halving, 1)), &curves, 6);
    assert_eq!(alone.kept, side_by_side.kept);
    assert_eq!(alone.cost, side_by_side.cost);
    assert_eq!(alone.outcome.count(RunState::Failed), 0);
}

#[test]
fn every_decision_comes_out_again_and_a_changed_one_is_found() {
    let curves = Curves::new(3, 18);
    let mut scratch = scratch(18, &rule(PruneMethod::Asha, 1));
    run(&mut scratch, &curves, 4);
    let registry = scratch.registry();
    let replay = registry.replay_rungs("s").unwrap();
    assert!(replay.decisions > 18 && replay.differences.is_empty(), "{replay:?}");
    let rungs = registry.rungs("s").unwrap();
    assert_eq!((rungs[0].at, rungs[0].came, rungs[0].promoted + rungs[0].pruned), (1, 18, 18));
    let shell = rusqlite::Connection::open(scratch.folder.path().join("registry.db")).unwrap();
    shell.execute("UPDATE rung_entries SET verdict = 'promoted' WHERE at = 1", []).unwrap();
    assert_eq!(registry.replay_rungs("s").unwrap().differences.len(), rungs[0].pruned);
    shell
        .execute_batch(
            "DROP TRIGGER events_are_append_only_update;
             UPDATE events SET payload = json_set(payload, '$.value', 0) WHERE seq =
                 (SELECT seq FROM events WHERE kind = 'rung_entered' LIMIT 1 OFFSET 4)",
        )
        .unwrap();
    assert!(registry.replay_rungs("s").unwrap().differences.len() > rungs[0].pruned);
}

/// What a killed process left is decided by the next, and the same is kept.
#[test]
fn a_study_that_is_stopped_at_any_run_keeps_the_same() {
    for method in [PruneMethod::Asha, PruneMethod::Halving] {
        let curves = Curves::new(11, 12);
        let whole = run(&mut scratch(12, &rule(method, 1)), &curves, 1);
        let mut scratch = scratch(12, &rule(method, 1));
        let (mut cost, mut kept, mut turns) = (0, BTreeSet::new(), 0);
        loop {
            turns += 1;
            let mut left = turns % 4;
            // The process dies after the run stopped and before it said so.
            let outcome = scratch.run(1, |job| {
                let fate = advance(job, &curves, &mut cost);
                if matches!(fate, Fate::Done) {
                    kept.insert(setting(job));
                }
                left -= 1;
                if left <= 0 && job.attempt == 1 { Fate::Lost } else { fate }
            });
            if outcome.summary.counts.open() == 0 {
                break;
            }
        }
        assert_eq!((kept, cost), (whole.kept, whole.cost), "{}", method.name());
        assert!(scratch.registry().replay_rungs("s").unwrap().differences.is_empty());
    }
}

#[test]
fn a_failed_run_is_worse_than_all_and_does_not_hold_up_the_others() {
    for method in [PruneMethod::Asha, PruneMethod::Halving] {
        let mut curves = Curves::new(5, 9);
        // Better than all others from the first step on.
        let best = 4;
        curves.0[best] = [0.0, 0.1, 1.0];
        let mut scratch = scratch(9, &rule(method, 1));
        let mut cost = 0;
        let outcome = scratch.run(2, |job| match setting(job) == best {
            true => failed("data"),
            false => advance(job, &curves, &mut cost),
        });
        assert_eq!((outcome.count(RunState::Failed), outcome.count(RunState::Paused)), (1, 0));
        assert!(outcome.count(RunState::Done) >= 1);
        // Tried again, it is compared with those that came before it, and goes on.
        let mut registry = scratch.registry();
        let id = scratch.plan.members[best].run.run_id.clone();
        registry.retry(&[id], &Audit { actor: "tester", reason: "a test" }).unwrap();
        let after = run(&mut scratch, &curves, 1);
        assert!(after.kept.contains(&best), "{:?}", after.kept);
        assert!(registry.replay_rungs("s").unwrap().differences.is_empty());
    }
}

#[test]
fn a_pruned_run_that_is_taken_up_goes_to_its_end() {
    let curves = Curves::new(2, 9);
    let mut scratch = scratch(9, &rule(PruneMethod::Halving, 1));
    let race = run(&mut scratch, &curves, 1);
    let pruned = (0..9).find(|setting| !race.kept.contains(setting)).unwrap();
    let id = scratch.plan.members[pruned].run.run_id.clone();
    let mut registry = scratch.registry();
    let row = registry.run(id.full()).unwrap();
    assert_eq!(row.state, RunState::Pruned);
    let moved = registry.retry(std::slice::from_ref(&id), &Audit { actor: "tester", reason: "a test" }).unwrap();
    assert_eq!(moved.changed, std::slice::from_ref(&id));
    let after = run(&mut scratch, &curves, 1);
    assert_eq!(after.kept, BTreeSet::from([pruned]));
    assert_eq!((after.outcome.jobs.len(), registry.run(id.full()).unwrap().state), (1, RunState::Done));
    assert!(registry.replay_rungs("s").unwrap().differences.is_empty());
}

/// Seeds of a setting go on together, by their mean; a race of its own for each seed compares seed with seed.
#[test]
fn the_seeds_of_a_setting_are_one_or_each_a_race() {
    for seeds in [SeedComparison::Mean, SeedComparison::Each] {
        let rule = PruneRule { seeds, ..rule(PruneMethod::Halving, 9) };
        let mut scratch = scratch(12, &rule);
        for (place, member) in scratch.plan.members.iter_mut().enumerate() {
            // Six settings with two seeds.
            let setting = place % 6;
            member.run.config_id = format!("{setting:064x}").parse().unwrap();
            member.run.seed = (place / 6) as u64;
            if seeds == SeedComparison::Each {
                member.race = Some(format!("seed={}", place / 6));
            }
        }
        // Seed 0 says that setting 0 is best, seed 1 says 1, and their mean says 2.
        let ends = [[0.1, 0.9], [0.9, 0.1], [0.3, 0.3], [0.8, 0.8], [0.7, 0.7], [0.6, 0.6]];
        let curves = Curves((0..12).map(|place| [ends[place % 6][place / 6], 1.0, 1.0]).collect());
        let race = run(&mut scratch, &curves, 1);
        let kept: Vec<usize> = race.kept.into_iter().collect();
        match seeds {
            SeedComparison::Mean => assert_eq!(kept, [0, 2, 6, 8], "settings 2 and 0, the lower number of equals"),
            SeedComparison::Each => assert_eq!(kept, [0, 2, 7, 8]),
        }
    }
}

/// A newer plan with other rungs: what was trained counts, and nothing is trained twice.
#[test]
fn another_rule_begins_anew_from_what_the_runs_told() {
    let curves = Curves::new(13, 9);
    let mut scratch = scratch(9, &rule(PruneMethod::Halving, 1));
    let first = run(&mut scratch, &curves, 1);
    let mut scratch = scratch.pruned_by(&PruneRule { factor: 2, ..rule(PruneMethod::Halving, 1) });
    let second = run(&mut scratch, &curves, 1);
    let done = second.outcome.count(RunState::Done) as usize;
    assert_eq!(done, first.kept.union(&second.kept).count());
    let registry = scratch.registry();
    assert_eq!(registry.rungs("s").unwrap()[0].promoted, 4);
    assert!(registry.replay_rungs("s").unwrap().differences.is_empty());
    let steps = |place: usize| {
        let run = Root::new(scratch.folder.path()).run(&scratch.plan.members[place].run.run_id);
        fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count() as u64
    };
    assert_eq!(first.cost + second.cost, (0..9).map(steps).sum::<u64>(), "no step was taken twice");
    // And without a rule, all of them go to their end.
    scratch.plan.spec.spec_json = "{}".into();
    scratch.plan.policy.prune = None;
    scratch.plan.members.iter_mut().for_each(|member| member.race = None);
    assert_eq!(run(&mut scratch, &curves, 1).outcome.count(RunState::Done), 9);
}

#[test]
fn a_rung_that_others_are_missing_at_waits_and_the_study_says_so() {
    let curves = Curves::new(17, 6);
    let mut scratch = scratch(6, &rule(PruneMethod::Halving, 1));
    scratch.plan.selected = Some(scratch.plan.members[..3].iter().map(|member| member.run.run_id.clone()).collect());
    let part = run(&mut scratch, &curves, 1);
    assert_eq!((part.outcome.count(RunState::Paused), part.kept.len()), (3, 0));
    scratch.plan.selected = None;
    let whole = run(&mut scratch, &curves, 1);
    assert_eq!(whole.outcome.count(RunState::Paused), 0);
    assert!(!whole.kept.is_empty());
}

#[test]
fn a_metric_that_no_run_tells_ends_the_study_and_keeps_what_is_done() {
    let curves = Curves::new(19, 4);
    let silent = PruneRule { metric: Objective::parse("lsos (min final)"), ..rule(PruneMethod::Asha, 1) };
    let mut scratch = scratch(4, &silent);
    let root = Root::new(scratch.folder.path());
    let mut registry = scratch.registry();
    registry.plan(&scratch.plan.spec, &scratch.plan.members).unwrap();
    let mut cost = 0;
    let mut launcher = FakeLauncher {
        clock: scratch.clock.clone(),
        slots: 1,
        decide: Box::new(|job| {
            advance(&Job { stop_at: None, ..job.clone() }, &curves, &mut cost);
            Fate::Done
        }),
        updates: VecDeque::new(),
        running: Vec::new(),
        jobs: Vec::new(),
        stops: 0,
        kills: 0,
    };
    let stop_when = StopConditions { deadline: None, asked: Arc::default(), fail_fast: false };
    let mut told = Vec::new();
    let mut report = |event: SweepEvent<'_>| {
        if let SweepEvent::Judged { verdict: RungVerdict::Pruned, what, .. } = event {
            told.push(what.to_owned());
        }
    };
    let supervisor =
        Supervisor::new(registry, &root, &mut scratch.plan, stop_when, &mut launcher, &mut report).unwrap();
    let error = supervisor.run().err().unwrap();
    assert!(error.to_string().contains("told no `lsos` with its `step`"), "{error}");
    assert!(error.help().unwrap().contains("it told loss"), "{error}");
    assert!(told.is_empty());
    let registry = scratch.registry();
    assert_eq!(registry.status(&["s"]).unwrap()[0].counts.get(RunState::Done), 1);
    // With the right name the rest is compared; the one that is done counts.
    let mut scratch = scratch.pruned_by(&rule(PruneMethod::Asha, 1));
    let race = run(&mut scratch, &curves, 1);
    assert_eq!(race.outcome.count(RunState::Paused) + race.outcome.count(RunState::Failed), 0);
    assert_eq!(registry.rungs("s").unwrap()[0].came, 4);
}
