//! The trials of a search: which combination each is, and, for a search that learns, which come next.

use aees_run::identity::{Id, NotCanonical};
use serde_json::{Value, json};

use super::block::Combination;
use super::definition::{Search, Study};
use super::space::Trial;
use crate::search::sobol;
use crate::search::tpe::{self, SearchDimension, TrialOutcome};

impl Study {
    /// What a search chooses: the configuration, if there are several, then what the block has.
    pub(super) fn dimensions(&self) -> Vec<SearchDimension> {
        let configs = (self.configs.len() > 1).then_some(SearchDimension::Choice(self.configs.len()));
        configs.into_iter().chain(self.root.dimensions()).collect()
    }

    /// The combination of a trial.
    pub(super) fn trial(&self, trial: Trial<'_>) -> Combination<'_> {
        let first = usize::from(self.configs.len() > 1);
        let config = (!self.configs.is_empty()).then(|| trial.coordinate(0, "configs").index(self.configs.len()));
        Combination { config, ..self.root.combination(trial, first) }
    }

    /// The trials that are known: all, but for a search that learns, whose later ones wait for results.
    pub(super) fn trials(&self) -> Vec<Vec<f64>> {
        if !self.points.is_empty() {
            return self.points.clone();
        }
        let (count, seed) = match self.search {
            Search::Grid | Search::Random { .. } => return Vec::new(),
            Search::Sobol { trials, seed } => (trials, seed),
            Search::Tpe { trials, seed, first, .. } => (trials.min(first), seed),
        };
        let dimensions = self.dimensions().len();
        let point = |number: u32| {
            // More dimensions than the sequence has were refused when the file was read.
            (0..dimensions).map(|dimension| sobol::shifted(number, dimension, seed).unwrap_or(0.5)).collect()
        };
        (0..u32::try_from(count).unwrap_or(u32::MAX)).map(point).collect()
    }

    /// Whether trials are still to be chosen by results.
    pub fn learns(&self) -> bool {
        matches!(self.search, Search::Tpe { trials, .. } if (self.trials().len() as u64) < trials)
    }

    /// What makes chosen trials mean the same: they are of no use to a study that differs in it.
    ///
    /// # Errors
    /// A number without a canonical form; a study file has none.
    pub fn search_id(&self) -> Result<Id, NotCanonical> {
        let axes: Vec<Value> = self.root.all_axes().iter().map(|axis| json!([axis.keys, axis.form()])).collect();
        let configs: Vec<&str> = self.configs.iter().map(|(label, _)| label.as_str()).collect();
        let (seed, first, round) = match self.search {
            Search::Tpe { seed, first, round, .. } => (seed, first, round),
            _ => (0, 0, 0),
        };
        let metric = self.metric.as_ref();
        let metric = metric.map(|metric| json!([metric.name, metric.goal.name(), metric.measure.to_string()]));
        let cases = self.root.case_paths();
        Id::of(&json!({
            "axes": axes, "configs": configs, "cases": cases, "seed": seed, "first": first, "round": round, "metric": metric,
        }))
    }

    /// The trials that were chosen so far.
    pub fn chosen(&self) -> &[Vec<f64>] {
        &self.points
    }

    /// Takes trials that were chosen before.
    #[must_use]
    pub fn with_chosen(mut self, points: Vec<Vec<f64>>) -> Self {
        self.points = points;
        self
    }

    /// Chooses the next round by what the trials so far gave: how bad each was, infinity for one that gave nothing.
    pub fn choose(&mut self, losses: &[f64]) {
        let Search::Tpe { trials, seed, round, .. } = self.search else { return };
        let dimensions = self.dimensions();
        let mut points = self.trials();
        let over: Vec<TrialOutcome> = points
            .iter()
            .zip(losses)
            .map(|(point, loss)| TrialOutcome { point: self.taken(point), loss: *loss })
            .collect();
        let mut waiting: Vec<Vec<Option<f64>>> = Vec::new();
        for number in (points.len() as u64..trials).take(usize::try_from(round).unwrap_or(usize::MAX)) {
            let point = tpe::propose(&dimensions, &over, &waiting, seed, number);
            waiting.push(self.taken(&point));
            points.push(point);
        }
        self.points = points;
    }

    /// The coordinates of a point that its combination has.
    fn taken(&self, point: &[f64]) -> Vec<Option<f64>> {
        let first = usize::from(self.configs.len() > 1);
        let taken = self.root.taken(Trial::Point(point), first);
        let is_taken = |index: usize| index < first || taken.contains(&index);
        point.iter().enumerate().map(|(index, place)| is_taken(index).then_some(*place)).collect()
    }
}
