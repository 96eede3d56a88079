//! The controllers of a recorded run, built anew, and one episode with them.

use aees_control::controller::Controller;
use aees_control::episode::{Credit, Selection};
use aees_control::open_loop::{OpenLoopPlan, OpenLoopPolicy};
use aees_control::python_float::repr;
use aees_control::{Aees, AeesConfig, ArmPolicy, Axis, CandidateSet, Context, Reward};

use super::histories;
use super::record::{EpisodeColumns, Recorded, entry};
use super::rewards;
use crate::difference::{Difference, RecordPart};
use crate::method::method_settings;
use crate::record::Control;

/// The controllers, as they stood at the beginning of the run and then move on with it.
pub(super) struct Replica {
    pub(super) candidates: CandidateSet,
    pub(super) lr: Option<Controller>,
    /// None for a constant, one, or one for each multiplier.
    pub(super) noise: Vec<Controller>,
    credit: Credit,
    context: Context,
    reward: Option<Reward>,
    episode_length: u64,
    pub(super) plan: Option<OpenLoopPlan>,
}

impl Replica {
    pub(super) fn of(recorded: &Recorded) -> Result<Self, String> {
        let plan = recorded.plan.is_some().then(|| plan(recorded)).transpose()?;
        let config = config(recorded, plan.clone())?;
        let (context, reward, open_loop) = (config.context, config.reward, plan.is_some());
        let episode_length = config.episode_length as u64;
        let credit = Credit::new(config.credit_episodes);
        let aees = Aees::new(config).map_err(|error| format!("its settings make no controllers: {error}"))?;
        let manager = aees.manager();
        Ok(Self {
            candidates: manager.candidates().clone(),
            lr: manager.lr_controller().cloned(),
            noise: manager.noise_control().controllers().to_vec(),
            credit,
            context,
            reward: (!open_loop).then_some(reward),
            episode_length,
            plan,
        })
    }

    /// What the file lacks, and so cannot be compared.
    pub(super) fn not_compared(&self, recorded: &Recorded, episodes: &EpisodeColumns) -> Vec<String> {
        let no_ends = episodes.episode_ema_loss_starts.is_none() || episodes.episode_ema_loss_ends.is_none();
        let learns = self.lr.iter().chain(&self.noise).any(|controller| !controller.columns().is_empty());
        let lacking = [
            (self.plan.is_none() && no_ends, "rewards (no ends of the smoothed loss)"),
            (learns && recorded.controllers.is_null(), "counts and estimates (no controller_logs)"),
            (!self.context.buckets().is_empty() && !episodes.has_contexts(), "contexts (not in the logs)"),
        ];
        lacking.into_iter().filter(|(absent, _)| *absent).map(|(_, what)| what.to_owned()).collect()
    }

    /// Compares what an open-loop run drew before training.
    pub(super) fn check_plan(&self, recorded: &Recorded) -> Option<Difference> {
        let (plan, written) = (self.plan.as_ref()?, recorded.plan.as_ref()?);
        let noise_levels = self.candidates.noise().len();
        let difference = |axis: &str, planned: &[usize], arm: &dyn Fn(usize) -> usize| {
            let index = plan.arms.iter().zip(planned).position(|(drawn, written)| arm(*drawn) != *written)?;
            Some(Difference {
                place: RecordPart::BeforeTraining,
                what: format!("the planned {axis} arm of episode {}", index + 1),
                recorded: planned[index].to_string(),
                recomputed: arm(plan.arms[index]).to_string(),
            })
        };
        let noise = written.planned_noise_indices.as_deref().unwrap_or_default();
        difference("lr", &written.planned_lr_indices, &|arm| arm / noise_levels)
            .or_else(|| difference("noise", noise, &|arm| arm % noise_levels))
    }

    /// Goes through one episode, and tells the first thing that is not as recorded.
    pub(super) fn episode(
        &mut self,
        index: usize,
        recorded: &Recorded,
        columns: &EpisodeColumns,
    ) -> Result<Option<Difference>, String> {
        if let Some(difference) = self.steps(index, columns).or_else(|| columns.check_logged(index)) {
            return Ok(Some(difference));
        }
        let selection = match self.pick(index, columns)? {
            Ok(selection) => selection,
            Err(difference) => return Ok(Some(difference)),
        };
        let reward = entry(&columns.episode_rewards, index);
        let rewarded = match &self.reward {
            Some(config) => rewards::compare(index, columns, config),
            None => Difference::of_numbers(RecordPart::Episode(index + 1), "reward", reward, 0.0),
        };
        if rewarded.is_some() {
            return Ok(rewarded);
        }
        let told = self.credit.settle(selection, reward.unwrap_or(f64::NAN), self.lr.as_mut(), &mut self.noise);
        told.map_err(|error| format!("episode {}: {error}", index + 1))?;
        Ok(histories::compare(index, &recorded.controllers, &self.candidates, self.lr.as_ref(), &self.noise))
    }

    /// An episode begins where the last one ended. How long it is was decided by the settings, but for the last.
    fn steps(&self, index: usize, columns: &EpisodeColumns) -> Option<Difference> {
        let (starts, ends) = (columns.episode_start_steps.as_ref()?, columns.episode_end_steps.as_ref()?);
        let place = RecordPart::Episode(index + 1);
        let expected = index.checked_sub(1).map_or(0, |before| ends[before].saturating_add(1));
        let full = expected.saturating_add(self.episode_length - 1);
        let is_cut = index + 1 == ends.len() && (expected..=full).contains(&ends[index]);
        Difference::between(place, "first step", &starts[index], &expected)
            .or_else(|| Difference::between(place, "last step", &ends[index], &full).filter(|_| !is_cut))
    }

    /// Context, arms, values and name.
    fn pick(&mut self, index: usize, columns: &EpisodeColumns) -> Result<Result<Selection, Difference>, String> {
        let place = RecordPart::Episode(index + 1);
        let mut context_bucket = None;
        if !self.context.buckets().is_empty() {
            let losses = columns.episode_end_losses.as_ref().ok_or("its contexts need episode_end_losses")?;
            let ended: Vec<f64> = losses[..index].iter().map(|loss| loss.unwrap_or(f64::NAN)).collect();
            context_bucket = self.context.resolve(ended.into_iter().rev());
        }
        let bucket = context_bucket.map(|bucket| bucket.name());
        if let (Some(recomputed), Some(written)) = (bucket, columns.context(index))
            && let Some(difference) = Difference::between(place, "context", &written, &recomputed)
        {
            return Ok(Err(difference));
        }
        let lr = select(self.lr.as_mut(), bucket)?;
        let noise = select(noise_controller(&mut self.noise, lr), bucket)?;
        let candidate = self.candidates.get(lr, noise).ok_or("an arm has no candidate")?;
        let (multiplier, sigma) = (candidate.lr_multiplier.get(), candidate.noise_std.get());
        let arm = |column: &Option<Vec<usize>>, what: &str, arm: usize| {
            Difference::between(place, what, column.as_ref()?.get(index)?, &arm)
        };
        let value = |column: &Option<Vec<f64>>, what: &str, value: f64| {
            Difference::of_numbers(place, what, Some(*column.as_ref()?.get(index)?), value)
        };
        let name = |column: &Option<Vec<String>>| {
            Difference::between(place, "candidate", column.as_ref()?.get(index)?, &candidate.name())
        };
        let difference = value(&columns.selected_lr_values, "lr multiplier", multiplier)
            .or_else(|| arm(&columns.selected_lr_indices, "lr arm", lr))
            .or_else(|| value(&columns.selected_noise_values, "noise", sigma))
            .or_else(|| arm(&columns.selected_noise_indices, "noise arm", noise))
            .or_else(|| name(&columns.selected_combined_names))
            .or_else(|| name(&columns.selected_candidate_names));
        let selection = Selection { lr_index: lr, noise_index: noise, candidate, context_bucket };
        Ok(difference.map_or(Ok(selection), Err))
    }
}

/// The noise controller that serves a multiplier.
fn noise_controller(noise: &mut [Controller], lr: usize) -> Option<&mut Controller> {
    match noise {
        [only] => Some(only),
        several => several.get_mut(lr),
    }
}

fn select(controller: Option<&mut Controller>, bucket: Option<&str>) -> Result<usize, String> {
    let Some(controller) = controller else { return Ok(0) };
    let context = bucket.map_or(Ok(()), |bucket| controller.set_context(bucket));
    context.and_then(|()| controller.select()).map_err(|error| error.to_string())
}

/// The sequence of an open-loop run, drawn anew.
fn plan(recorded: &Recorded) -> Result<OpenLoopPlan, String> {
    let written = recorded.plan.as_ref().ok_or("config has no open_loop_policy")?;
    let (seed, episodes) = (written.schedule_seed, written.planned_lr_indices.len());
    let run = &recorded.run;
    let candidates = CandidateSet::new(&run.lr_candidates, &run.noise_candidates).map_err(|error| error.to_string())?;
    let count = candidates.product().count();
    let drawn = if written.policy == OpenLoopPolicy::UniformRandom.name() {
        OpenLoopPlan::uniform_random(seed, episodes, count)
    } else {
        let names = planned_names(&candidates);
        let probabilities: Option<Vec<f64>> =
            names.iter().map(|name| written.probabilities.get(name).copied()).collect();
        let probabilities = probabilities.ok_or("open_loop_policy lacks a probability for each candidate")?;
        OpenLoopPlan::frequency_matched(seed, episodes, &probabilities)
    };
    drawn.map_err(|error| format!("its sequence cannot be drawn: {error}"))
}

/// What a plan calls its arms: with one noise level the multipliers alone.
pub(super) fn planned_names(candidates: &CandidateSet) -> Vec<String> {
    match candidates.noise().len() {
        1 => candidates.values(Axis::Lr).into_iter().map(repr).collect(),
        _ => candidates.product().map(|candidate| candidate.name()).collect(),
    }
}

fn config(recorded: &Recorded, plan: Option<OpenLoopPlan>) -> Result<AeesConfig, String> {
    let run = &recorded.run;
    let method = method_settings(run)?;
    let policy = match (plan, run.control) {
        (Some(plan), _) => ArmPolicy::OpenLoop(plan),
        (None, Control::UniformRandom | Control::FrequencyMatched) => {
            return Err("config has no open_loop_policy".into());
        }
        (None, Control::Random) => ArmPolicy::Random,
        (None, _) => ArmPolicy::Bandit(method.bandit()),
    };
    Ok(AeesConfig {
        lr_candidates: run.lr_candidates.clone(),
        noise_candidates: run.noise_candidates.clone(),
        episode_length: usize::try_from(run.episode_length).map_err(|error| error.to_string())?,
        policy,
        structured_control_mode: method.structured_control_mode,
        context: method.context(),
        reward: method.reward(),
        ema_alpha: method.ema_alpha(),
        credit_episodes: method.credit_episodes(),
        seed: Some(run.seed),
    })
}
