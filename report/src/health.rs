//! Control health: whether a controller learns, and whether it could have. From what every result holds: who was picked, and what it
//! earned. What a bandit thought of its arms is computed by feeding a new one the same rewards ([`aees_control`]), so that results
//! of the reference tell as much as ours.
//!
//! Rewards fall while a model is trained, whatever is picked. So arms are compared by least squares with an effect for each arm and
//! one for each block of neighbouring episodes; what neither explains is the noise. Gaps between arms are given in units of it
//! (Cohen's d), with an interval over runs.

use aees_control::Axis;
use aees_control::controller::{ArmEstimate, Controller};

use crate::method::method_settings;
use crate::record::{Control, RunRecord};
use crate::statistics::{Interval, MeanSd, mean, percentile};

/// Sweeps of the least squares over arms and blocks.
const SWEEPS: usize = 200;
/// The two-sided 5 % level and a power of 80 %, in standard deviations: what a gap must be to be found.
const DETECTED: f64 = 1.96 + 0.842;
/// So many times its even share an arm must be picked to count as preferred: less may be certain, and is still next to nothing.
const PREFERENCE: f64 = 1.2;
/// From this share of decisions on, the bonus alone decides.
const BONUS_DECIDES: f64 = 0.9;

/// What some runs of one method tell of their controller of an axis.
#[derive(Debug, Clone)]
pub(crate) struct ControlHealth {
    /// The candidates.
    pub(crate) arms: Vec<f64>,
    pub(crate) runs: Vec<RunHealth>,
    /// Whether it is a bandit.
    pub(crate) learns: bool,
    /// Episodes that it remembers.
    memory: f64,
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct RunHealth {
    /// The arm of each episode.
    pub(crate) picks: Vec<usize>,
    /// How far each arm's rewards lie from the mean of all arms, in standard deviations of the noise; NaN for one without rewards.
    pub(crate) effects: Vec<f64>,
    /// How far rewards right after a change of the arm lie from the others, in the same unit.
    after_switch: Option<f64>,
    /// Before each episode, what the bandit thought of its arms; none where it thinks nothing, or had not tried all.
    pub(crate) estimates: Vec<Option<Vec<ArmEstimate>>>,
}

/// Whether a controller learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is a control, which never learns.
    Control,
    /// It picks the arm that earned most more often than chance.
    Learned,
    /// Nothing stands in its way, and it does not.
    DidNot,
    /// Why it could not have.
    CouldNot(Vec<String>),
}

impl ControlHealth {
    /// Of runs that differ in their seeds alone; none where there is nothing to pick from, or no rewards.
    pub(crate) fn of(runs: &[&RunRecord], axis: Axis) -> Option<Self> {
        let first = runs.first()?;
        let arms = first.candidates(axis).to_vec();
        if arms.len() < 2 {
            return None;
        }
        let learns = first.control == Control::Adaptive;
        let runs: Vec<RunHealth> = runs.iter().filter_map(|run| RunHealth::of(run, axis, &arms)).collect();
        let bandit = method_settings(first).ok().map(|method| method.bandit());
        let mut settings = bandit.into_iter().flat_map(|bandit| bandit.settings());
        let discount = settings.find(|(setting, _)| setting.key == "discount").map(|(_, value)| value.as_f64());
        let memory = discount.map_or(f64::INFINITY, |discount| 1.0 / (1.0 - discount).max(0.0));
        (!runs.is_empty()).then_some(Self { arms, runs, learns, memory })
    }

    /// Episodes of a run, the mean.
    pub(crate) fn episodes(&self) -> f64 {
        self.over_runs(|run| Some(run.picks.len() as f64)).map_or(0.0, |episodes| episodes.mean)
    }

    fn over_runs(&self, of: impl Fn(&RunHealth) -> Option<f64>) -> Option<MeanSd> {
        let values: Vec<f64> = self.runs.iter().filter_map(of).filter(|value| value.is_finite()).collect();
        MeanSd::of(&values)
    }

    /// The effect of an arm over all runs.
    pub(crate) fn effect(&self, arm: usize) -> Option<MeanSd> {
        self.over_runs(|run| run.effects.get(arm).copied())
    }

    fn by_effect(&self) -> Option<(usize, usize)> {
        let effect = |arm: &usize| self.effect(*arm).map(|effect| effect.mean);
        let known = || (0..self.arms.len()).filter(|arm| effect(arm).is_some());
        let order = |one: &usize, other: &usize| effect(one).unwrap_or(0.0).total_cmp(&effect(other).unwrap_or(0.0));
        known().max_by(order).zip(known().min_by(order)).filter(|(best, worst)| best != worst)
    }

    /// The arm with the highest rewards in hindsight, over all runs.
    pub(crate) fn best(&self) -> Option<usize> {
        self.by_effect().map(|(best, _)| best)
    }

    /// The share of episodes in which an arm was picked.
    pub(crate) fn share(&self, arm: usize) -> Option<MeanSd> {
        self.over_runs(|run| share(&run.picks, arm))
    }

    /// How far the best arm lies above the worst, in standard deviations of the noise, with an interval over runs; of one run alone,
    /// that of its least squares. The pair was chosen by what is compared, so the level is corrected for all pairs (Bonferroni).
    pub(crate) fn gap(&self) -> Option<(f64, Interval)> {
        let (best, worst) = self.by_effect()?;
        let pairs = self.arms.len() * (self.arms.len() - 1) / 2;
        let level = 1.0 - 0.05 / pairs as f64;
        let gap = self.over_runs(|run| Some(run.effects[best] - run.effects[worst]))?;
        let of_one = || {
            let run = self.runs.first()?;
            let plays = |arm: usize| run.picks.iter().filter(|pick| **pick == arm).count() as f64;
            let half = 2.5 * (1.0 / plays(best) + 1.0 / plays(worst)).sqrt();
            Some(Interval { low: gap.mean - half, high: gap.mean + half })
        };
        Some((gap.mean, gap.t_interval(level).or_else(of_one)?))
    }

    /// Episodes of each arm after which the gap would be found in one run.
    pub(crate) fn needed(&self) -> Option<f64> {
        self.gap().filter(|(gap, _)| *gap > 0.0).map(|(gap, _)| (2.0 * (DETECTED / gap).powi(2)).ceil())
    }

    /// Episodes of each arm that it remembers, if it plays them equally often.
    pub(crate) fn remembered(&self) -> f64 {
        self.memory.min(self.episodes()) / self.arms.len() as f64
    }

    /// How far value estimates lie apart, over the mean exploration bonus: the median over decisions.
    pub(crate) fn values_over_bonus(&self) -> Option<MeanSd> {
        let ratio = |(_, estimates): (usize, &[ArmEstimate])| range(estimates) / mean_bonus(estimates);
        self.over_runs(|run| median(&run.decisions().map(ratio).collect::<Vec<_>>()))
    }

    /// The share of decisions that the bonus alone would have made alike; none of a bandit that does not pick by the sum of
    /// estimate and bonus.
    pub(crate) fn bonus_decides(&self) -> Option<MeanSd> {
        let highest = |estimates: &[ArmEstimate], of: fn(&ArmEstimate) -> f64| {
            let most = estimates.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
            estimates.iter().map(of).map(|value| value >= most - 1e-12).collect::<Vec<_>>()
        };
        self.over_runs(|run| {
            let (mut all, mut by_sum, mut by_bonus) = (0, 0, 0);
            for (pick, estimates) in run.decisions() {
                all += 1;
                by_sum += usize::from(highest(estimates, |estimate| estimate.value + estimate.bonus)[pick]);
                by_bonus += usize::from(highest(estimates, |estimate| estimate.bonus)[pick]);
            }
            (all > 0 && by_sum * 100 >= all * 99).then(|| by_bonus as f64 / all as f64)
        })
    }

    /// The entropy of the picks in the last quarter, over that of even picks: 1 is even, 0 is one arm.
    pub(crate) fn final_entropy(&self) -> Option<MeanSd> {
        self.over_runs(|run| {
            let last = run.picks.len() - run.picks.len() / 4;
            entropy(run.picks.get(last..)?, self.arms.len())
        })
    }

    /// The share of episodes with another arm than the one before.
    pub(crate) fn switches(&self) -> Option<MeanSd> {
        self.over_runs(|run| {
            let changed = run.picks.windows(2).filter(|pair| pair[0] != pair[1]).count();
            Some(changed as f64 / (run.picks.len().checked_sub(1)?.max(1)) as f64)
        })
    }

    /// What a change of the arm costs in the episode after it, in standard deviations of the noise, with its interval.
    pub(crate) fn after_switch(&self) -> Option<(f64, Interval)> {
        let cost = self.over_runs(|run| run.after_switch)?;
        Some((cost.mean, cost.t_interval(0.95)?))
    }

    /// Whether it learned, and if it could not have, why.
    pub(crate) fn verdict(&self) -> Verdict {
        if !self.learns {
            return Verdict::Control;
        }
        let mut reasons = Vec::new();
        match (self.gap(), self.needed()) {
            (Some((_, Interval { low, .. })), Some(needed)) if low > 0.0 => {
                if needed > self.remembered() {
                    reasons.push(format!(
                        "it would need {needed:.0} episodes of each arm and remembers {:.0}",
                        self.remembered()
                    ));
                }
            }
            _ => reasons.push("its rewards do not tell the arms apart".to_owned()),
        }
        if let Some(decides) = self.bonus_decides().filter(|decides| decides.mean >= BONUS_DECIDES) {
            reasons.push(format!("its exploration bonus made {:.0} % of the decisions", 100.0 * decides.mean));
        }
        let even = 1.0 / self.arms.len() as f64;
        let above = |share: MeanSd| {
            let certain = share.t_interval(0.95).map_or(share.mean > 1.5 * even, |interval| interval.low > even);
            certain && share.mean >= PREFERENCE * even
        };
        let prefers = self.best().and_then(|best| self.share(best)).is_some_and(above);
        match (prefers, reasons.is_empty()) {
            (true, _) => Verdict::Learned,
            (false, true) => Verdict::DidNot,
            (false, false) => Verdict::CouldNot(reasons),
        }
    }
}

impl Verdict {
    /// In a word or two.
    pub(crate) fn in_short(&self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Learned => "learned",
            Self::DidNot => "did not learn",
            Self::CouldNot(_) => "could not",
        }
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Control => "a control: it never learns".into(),
            Self::Learned => "picks the arm that earned most more often than chance".into(),
            Self::DidNot => "could have learned, and does not prefer the best arm".into(),
            Self::CouldNot(reasons) => format!("could not have learned: {}", reasons.join("; ")),
        }
    }
}

impl RunHealth {
    fn of(run: &RunRecord, axis: Axis, arms: &[f64]) -> Option<Self> {
        let episodes = run.episodes.as_ref()?;
        // Open-loop runs earn nothing.
        if episodes.rewards.iter().all(|reward| *reward == 0.0 || reward.is_nan()) {
            return None;
        }
        let values = episodes.picked(axis);
        let picks: Vec<usize> = values.iter().map_while(|value| arms.iter().position(|arm| arm == value)).collect();
        if picks.len() != values.len() {
            return None;
        }
        let credit = method_settings(run).map_or(1, |method| method.credit_episodes());
        let told: Vec<f64> = episodes.rewards.windows(credit).filter_map(mean).collect();
        let fit = Fit::of(picks.get(..told.len())?, &told, arms.len())?;
        let after_switch = fit.after_switch(&picks);
        let effects = fit.effects.iter().map(|effect| effect / fit.noise).collect();
        let estimates = estimates(run, axis, &picks, &told, credit).unwrap_or_else(|| vec![None; picks.len()]);
        Some(Self { picks, effects, after_switch, estimates })
    }

    /// The decisions of a bandit that had tried all arms, with what it thought of them.
    fn decisions(&self) -> impl Iterator<Item = (usize, &[ArmEstimate])> {
        let pairs = self.picks.iter().zip(&self.estimates);
        pairs.filter_map(|(pick, estimates)| Some((*pick, estimates.as_deref()?)))
    }

    /// The picks around an episode.
    pub(crate) fn around(&self, episode: usize, window: usize) -> &[usize] {
        let start = episode.saturating_sub(window / 2).min(self.picks.len().saturating_sub(window));
        &self.picks[start..(start + window).min(self.picks.len())]
    }
}

/// The median.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 50.0)
}

/// How far the estimates of arms lie apart.
pub(crate) fn range(estimates: &[ArmEstimate]) -> f64 {
    let values = estimates.iter().map(|estimate| estimate.value);
    values.clone().fold(f64::NEG_INFINITY, f64::max) - values.fold(f64::INFINITY, f64::min)
}

/// The mean bonus of arms.
pub(crate) fn mean_bonus(estimates: &[ArmEstimate]) -> f64 {
    estimates.iter().map(|estimate| estimate.bonus).sum::<f64>() / estimates.len().max(1) as f64
}

/// The share of picks that are of an arm.
pub(crate) fn share(picks: &[usize], arm: usize) -> Option<f64> {
    (!picks.is_empty()).then(|| picks.iter().filter(|pick| **pick == arm).count() as f64 / picks.len() as f64)
}

/// The entropy of picks over that of even ones.
pub(crate) fn entropy(picks: &[usize], arms: usize) -> Option<f64> {
    let shares = (0..arms).filter_map(|arm| share(picks, arm)).filter(|share| *share > 0.0);
    (!picks.is_empty()).then(|| shares.map(|share| -share * share.ln()).sum::<f64>() / (arms as f64).ln())
}

/// What a new bandit thinks before each episode, if it is told what the run's was. In contexts it is what all of them have taught.
fn estimates(
    run: &RunRecord,
    axis: Axis,
    picks: &[usize],
    told: &[f64],
    credit: usize,
) -> Option<Vec<Option<Vec<ArmEstimate>>>> {
    let method = method_settings(run).ok()?;
    let conditional = axis == Axis::Noise && method.structured_control_mode.name() == "conditional";
    if run.control != Control::Adaptive || conditional {
        return None;
    }
    let count = run.candidates(axis).len();
    let mut bandit: Controller = method.bandit().controller(count, &[], Some(0)).ok()?;
    let mut plays = vec![0_u64; count];
    let mut found = Vec::with_capacity(picks.len());
    for episode in 0..picks.len() {
        // What is known before an episode: the returns that were complete after the one before it.
        if let Some(paid) = episode.checked_sub(credit) {
            bandit.update(picks[paid], *told.get(paid)?).ok()?;
            plays[picks[paid]] += 1;
        }
        let tried = plays.iter().all(|plays| *plays > 0);
        found.push(tried.then(|| (0..count).map(|arm| bandit.estimate(arm)).collect::<Option<Vec<_>>>()).flatten());
    }
    Some(found)
}

/// The least squares of rewards on arms and on blocks of neighbouring episodes.
struct Fit {
    /// By arm; around 0 over those that were played. NaN for one that was not.
    effects: Vec<f64>,
    noise: f64,
    residuals: Vec<f64>,
}

impl Fit {
    /// None of so few episodes that nothing is left to tell the noise from.
    fn of(picks: &[usize], rewards: &[f64], arms: usize) -> Option<Self> {
        let length = 2 * arms;
        let blocks = rewards.len() / length;
        let block_of = |episode: usize| (episode / length).min(blocks.saturating_sub(1));
        let degrees = rewards.len().checked_sub(blocks + arms).filter(|degrees| *degrees > 0 && blocks > 0)?;
        if rewards.iter().any(|reward| !reward.is_finite()) {
            return None;
        }
        let mut of_arm = vec![0.0; arms];
        let means = |groups: usize, group: &dyn Fn(usize) -> usize, rest: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let (mut sums, mut counts) = (vec![0.0; groups], vec![0.0; groups]);
            for episode in 0..rewards.len() {
                sums[group(episode)] += rest(episode);
                counts[group(episode)] += 1.0;
            }
            sums.iter().zip(&counts).map(|(sum, count): (&f64, &f64)| sum / count).collect()
        };
        for _ in 0..SWEEPS {
            let of_block = means(blocks, &block_of, &|episode| rewards[episode] - of_arm[picks[episode]]);
            of_arm = means(arms, &|episode| picks[episode], &|episode| rewards[episode] - of_block[block_of(episode)]);
            let played: Vec<f64> = of_arm.iter().copied().filter(|effect| !effect.is_nan()).collect();
            let middle = mean(&played).unwrap_or(0.0);
            of_arm.iter_mut().for_each(|effect| *effect -= middle);
        }
        let of_block = means(blocks, &block_of, &|episode| rewards[episode] - of_arm[picks[episode]]);
        let rest = |episode: usize| rewards[episode] - of_arm[picks[episode]] - of_block[block_of(episode)];
        let residuals: Vec<f64> = (0..rewards.len()).map(rest).collect();
        let noise = (residuals.iter().map(|residual| residual * residual).sum::<f64>() / degrees as f64).sqrt();
        (noise > 0.0).then_some(Self { effects: of_arm, noise, residuals })
    }

    /// Mean residual after a change of the arm less that of the other episodes, in units of the noise.
    fn after_switch(&self, picks: &[usize]) -> Option<f64> {
        let (mut after, mut others) = (Vec::new(), Vec::new());
        for (pair, residual) in picks.windows(2).zip(self.residuals.iter().skip(1)) {
            if pair[0] == pair[1] { others.push(*residual) } else { after.push(*residual) }
        }
        Some((mean(&after)? - mean(&others)?) / self.noise)
    }
}

#[cfg(test)]
mod tests;
