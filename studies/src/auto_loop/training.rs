//! How candidate and incumbent come to their runs: small studies, one for each candidate and one for each incumbent on fresh seeds.
//! A run that is known by its identity is never trained again, so an incumbent's replicates come from the registry.

use std::collections::HashMap;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::LoopError;
use super::iteration::{OpenIteration, SeedPair};
use super::machine::{AutoLoop, LoopEvent, StageStop};
use super::state::SeedBlock;
use crate::disk::objective_of;
use crate::error::SweepError;
use crate::plan::{Planner, StudyPlan};
use crate::registry::{Registry, RegistryError, RunFilter, RunId, RunRow};
use crate::study::{Overrides, Settings};

/// The cases of a candidate's study.
pub(super) const INCUMBENT: &str = "incumbent";
pub(super) const CANDIDATE: &str = "candidate";

impl AutoLoop<'_> {
    /// A plan of some patches on some seeds, not entered yet.
    pub(super) fn plan(
        &mut self,
        name: &str,
        patches: &[(&str, &Map<String, Value>)],
        seeds: &[i64],
    ) -> Result<StudyPlan, SweepError> {
        let study = self.study.of_patches(name, patches, seeds);
        let registry = self.reader()?;
        let (root, inputs) = (&self.places.root, &mut self.inputs);
        let mut planner = Planner { root, registry: registry.as_ref(), inputs, dry_run: false };
        planner.plan(&study, &Overrides::default())
    }

    /// Everything that a patch over the start comes to.
    pub(super) fn settings(&self, patch: &Map<String, Value>) -> Result<Settings, LoopError> {
        let study = self.study.of_patches(&self.study.name, &[(CANDIDATE, patch)], &[0]);
        let expansion = study.expand(&Overrides::default())?;
        Ok(expansion.settings.into_iter().next().map_or_else(|| Settings::Command(Map::new()), |one| one.settings))
    }

    /// Enters a plan and trains what is not trained.
    fn train_plan(&mut self, mut plan: StudyPlan, seeds: &[i64]) -> Result<StudyPlan, StageStop> {
        if let Some(folder) = self.places.registry.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(aees_run::artifact::FileError::at("make", folder))?;
        }
        let mut registry = Registry::open(&self.places.registry)?;
        // Done again after a kill, it may have more runs already: a stage begins with its first seeds.
        plan.enter(&self.places.root, &mut registry, true)?;
        self.inputs.remember(&mut registry)?;
        drop(registry);
        (self.tell)(LoopEvent::Training { study: &plan.name, seeds });
        match self.trainer.train(&mut plan)? {
            Some(halt) => Err(StageStop::Halted(halt)),
            None => Ok(plan),
        }
    }

    /// Sees to it that the incumbent has seeds to be compared on, with its replicates trained. Gives those that were trained now.
    pub(super) fn ready_block(&mut self, iteration: u64) -> Result<Vec<SeedPair>, StageStop> {
        let is_due = self.state.block.as_ref().is_none_or(|block| block.candidates >= self.block.refresh);
        if is_due {
            let first = self.state.next_seed;
            let room = self.most_seeds().max(self.block.baseline);
            self.state.next_seed = first + i64::try_from(room).unwrap_or(i64::MAX);
            self.state.block = Some(SeedBlock { iteration, first, ready: false, candidates: 0 });
            self.save()?;
        }
        let Some(block) = self.state.block.clone().filter(|block| !block.ready) else { return Ok(Vec::new()) };
        let seeds: Vec<i64> = (block.first..).take(self.block.baseline).collect();
        let (name, patch) = (self.folder.incumbent_study(block.iteration), self.state.incumbent.patch.clone());
        let plan = self.plan(&name, &[(INCUMBENT, &patch)], &seeds)?;
        let plan = self.train_plan(plan, &seeds)?;
        let runs = runs_of(&plan, INCUMBENT);
        let mut pairs = pairs_of(&seeds, &runs, &runs);
        self.measure(&mut pairs);
        let values: Vec<f64> = pairs.iter().filter_map(|pair| pair.incumbent).collect();
        if values.len() < 2 {
            return Err(LoopError::NoIncumbent { why: self.why_none(&name, &runs)?, study: name }.into());
        }
        if let Some(config) = config_of(&plan, INCUMBENT) {
            self.state.incumbent.config_id = config;
        }
        self.state.incumbent.mean = Some(values.iter().sum::<f64>() / values.len() as f64);
        self.state.pool = self.state.pool.with_replicates(&values);
        // Written down with what is made of it: if the process ends before, all of this is done again.
        self.state.block = Some(SeedBlock { ready: true, ..block });
        Ok(pairs)
    }

    /// The most seeds that a candidate can use: some may be lost, where the incumbent has no number.
    pub(super) fn most_seeds(&self) -> usize {
        2 * (self.block.seeds + self.block.retest)
    }

    /// Trains a candidate and the incumbent on the candidate's seeds.
    pub(super) fn train_pairs(&mut self, current: &mut OpenIteration) -> Result<(), StageStop> {
        let (name, incumbent) = (self.folder.study(current.number), self.state.incumbent.patch.clone());
        let plan = self.plan(&name, &[(INCUMBENT, &incumbent), (CANDIDATE, &current.patch)], &current.seeds)?;
        let plan = self.train_plan(plan, &current.seeds)?;
        current.pairs = pairs_of(&current.seeds, &runs_of(&plan, CANDIDATE), &runs_of(&plan, INCUMBENT));
        self.measure(&mut current.pairs);
        Ok(())
    }

    /// Reads what the runs of some pairs came to.
    pub(super) fn measure(&self, pairs: &mut [SeedPair]) {
        let value = |id: &String| RunId::from_str(id).ok().and_then(|run| self.value(&run));
        for pair in pairs {
            (pair.candidate, pair.incumbent) = (value(&pair.candidate_run), value(&pair.incumbent_run));
        }
    }

    fn value(&self, run: &RunId) -> Option<f64> {
        objective_of(&self.places.root.run(run), &self.metric)
    }

    /// The differences of pairs that have both numbers; more is better.
    pub(super) fn differences(&self, pairs: &[SeedPair]) -> Vec<f64> {
        let goal = self.metric.goal;
        pairs.iter().filter_map(|pair| Some(goal.loss(pair.incumbent?) - goal.loss(pair.candidate?))).collect()
    }

    /// The runs of a study, as the registry knows them.
    pub(super) fn rows(&self, study: &str) -> Result<Vec<RunRow>, RegistryError> {
        let Some(reader) = self.reader()? else { return Ok(Vec::new()) };
        reader.runs(&RunFilter { study: Some(study.to_owned()), ..RunFilter::default() })
    }

    /// Seconds that the runs of a study took, each in all its attempts.
    pub(super) fn seconds(&self, study: &str) -> Result<f64, RegistryError> {
        Ok(self.rows(study)?.iter().map(|row| row.wall_ms as f64 / 1e3).sum())
    }

    /// The peak memory of the candidates' runs.
    pub(super) fn memory(&self, pairs: &[SeedPair]) -> Result<Option<u64>, RegistryError> {
        let Some(reader) = self.reader()? else { return Ok(None) };
        let mut peak = None;
        for pair in pairs.iter().filter(|pair| !pair.candidate_run.is_empty()) {
            let attempts = reader.why(&pair.candidate_run)?.attempts;
            peak = attempts.iter().filter_map(|attempt| attempt.usage.peak_bytes).max().max(peak);
        }
        Ok(peak)
    }

    /// What became of runs that gave no number, in words.
    fn why_none(&self, study: &str, runs: &HashMap<i64, RunId>) -> Result<String, RegistryError> {
        let rows = self.rows(study)?;
        let without =
            rows.iter().filter(|row| runs.values().any(|run| *run == row.run_id && self.value(run).is_none()));
        let words: Vec<String> = without.map(|row| format!("seed {}: {}", row.seed, self.ending(row))).collect();
        Ok(words.join("; "))
    }

    /// How a run without the metric ended, in words.
    pub(super) fn ending(&self, row: &RunRow) -> String {
        use crate::registry::{OutcomeKind, RunState};
        match (row.state, row.outcome) {
            (RunState::Done, Some(OutcomeKind::Ok) | None) => {
                format!("its result has no number `{}`", self.metric.name)
            }
            (RunState::Done, Some(_)) => "it diverged".to_owned(),
            (state, _) => {
                let class = row.class.as_deref().map(|class| format!(" ({class})")).unwrap_or_default();
                let error = row.error.as_deref().and_then(|error| error.lines().next());
                format!("it is {state}{class}{}", error.map(|error| format!(": {error}")).unwrap_or_default())
            }
        }
    }
}

/// Candidate and incumbent on each seed, not measured yet.
fn pairs_of(seeds: &[i64], candidates: &HashMap<i64, RunId>, incumbents: &HashMap<i64, RunId>) -> Vec<SeedPair> {
    let id =
        |runs: &HashMap<i64, RunId>, seed: &i64| runs.get(seed).map(|run| run.full().to_owned()).unwrap_or_default();
    let pair = |seed: &i64| SeedPair {
        seed: *seed,
        candidate: None,
        incumbent: None,
        candidate_run: id(candidates, seed),
        incumbent_run: id(incumbents, seed),
    };
    seeds.iter().map(pair).collect()
}

/// The runs of a case, by seed.
fn runs_of(plan: &StudyPlan, case: &str) -> HashMap<i64, RunId> {
    let members = plan.members.iter().filter(|member| member.case.as_deref() == Some(case));
    members.map(|member| (member.run.seed.cast_signed(), member.run.run_id.clone())).collect()
}

/// The id of a case's settings.
pub(super) fn config_of(plan: &StudyPlan, case: &str) -> Option<String> {
    let member = plan.members.iter().find(|member| member.case.as_deref() == Some(case))?;
    Some(member.run.config_id.full().to_owned())
}
