//! Every decision and every logged bit against pulseopt 0.3.0, over 24,000 episodes.
//!
//! `tests/golden/make_traces.py` recorded the traces; it also defines the losses. Needs no Python. `ln` and `pow` are the
//! platform's, as in Python: the traces were recorded on x86-64 Linux with glibc.

use aees_control::controller::{Bandit, Controller, DiscountedUcb, Learner};
use aees_control::{
    Aees, AeesConfig, ArmPolicy, Context, ContextMode, EpisodeRecord, LogLossDrop, StructuredControlMode, Trend,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Golden {
    episodes: usize,
    traces: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    structured: StructuredControlMode,
    context: ContextMode,
    control: String,
    shape: [usize; 2],
    seed: i64,
    episode_length: usize,
    reward_instability_lambda: f64,
    reward_clip: f64,
    ema_alpha: f64,
    context_trend_window: usize,
    context_trend_epsilon: f64,
    lr: String,
    noise: String,
    contexts: String,
    every_50th_reward: Vec<String>,
    log_digest: String,
    statistics_digest: String,
    first_statistics: Vec<String>,
}

impl Trace {
    fn config(&self) -> AeesConfig {
        AeesConfig {
            lr_candidates: [0.5, 1.0, 2.0, 4.0][..self.shape[0]].to_vec(),
            noise_candidates: [0.0, 0.0025, 0.005, 0.01][..self.shape[1]].to_vec(),
            episode_length: self.episode_length,
            policy: match self.control.as_str() {
                "adaptive" => ArmPolicy::default(),
                _ => ArmPolicy::Random,
            },
            structured_control_mode: self.structured,
            context: match self.context {
                ContextMode::None => Context::default(),
                ContextMode::Trend => {
                    Trend { window: self.context_trend_window, epsilon: self.context_trend_epsilon }.into()
                }
            },
            reward: LogLossDrop {
                instability_lambda: self.reward_instability_lambda,
                clip_min: -self.reward_clip,
                clip_max: self.reward_clip,
                ..LogLossDrop::default()
            }
            .into(),
            ema_alpha: self.ema_alpha,
            credit_episodes: 1,
            seed: Some(self.seed),
        }
    }
}

struct Losses(u64);

impl Losses {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn step(&mut self, index: u64) -> (f64, Option<f64>) {
        let level = 0.75 + 0.25 * ((index / 13) % 9) as f64;
        let loss = level * (0.5 + self.unit());
        let norm = (index % 11 != 3).then(|| 0.125 + self.unit());
        (loss, norm)
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bits(value: f64) -> String {
    hex(value.to_le_bytes())
}

fn digits(indices: impl Iterator<Item = usize>) -> String {
    indices.map(|index| index.to_string()).collect()
}

fn log_digest(episodes: &[EpisodeRecord]) -> String {
    let mut digest = Sha256::new();
    for episode in episodes {
        let parts = episode.breakdown.unwrap();
        for value in [
            episode.reward,
            parts.reward_base,
            parts.reward_instability,
            parts.reward_penalty,
            parts.reward_final_unclipped,
            episode.loss_start,
            episode.loss_end,
            episode.ema_loss_start,
            episode.ema_loss_end,
        ] {
            digest.update(value.to_le_bytes());
        }
        match episode.mean_update_norm {
            Some(norm) => digest.update(norm.to_le_bytes()),
            None => digest.update(b"-"),
        }
        digest.update(episode.start_step.to_le_bytes());
        digest.update(episode.end_step.to_le_bytes());
        digest.update(episode.selection.candidate.name().as_bytes());
    }
    hex(digest.finalize())
}

fn ucb_statistics(statistics: &DiscountedUcb, found: &mut Vec<String>) {
    found.extend(statistics.counts().iter().copied().map(bits));
    found.extend(statistics.reward_sums().iter().copied().map(bits));
    found.extend((0..statistics.n_arms()).map(|arm| bits(statistics.mean_reward(arm))));
    found.extend(statistics.warmup_counts().iter().map(u64::to_string));
    found.push(statistics.total_updates().to_string());
}

fn statistics(aees: &Aees) -> Vec<String> {
    let mut found = Vec::new();
    for controller in aees.manager().lr_controller().into_iter().chain(aees.manager().noise_control().controllers()) {
        match controller {
            Controller::Ducb(Learner::Alone(ucb)) => ucb_statistics(ucb.bandit(), &mut found),
            Controller::Ducb(Learner::InContexts(contextual)) => {
                ucb_statistics(contextual.prior(), &mut found);
                for context in contextual.contexts() {
                    match context.bandit() {
                        Some(statistics) => ucb_statistics(statistics, &mut found),
                        None => found.push("-".to_owned()),
                    }
                    let (visits, arms) = (context.visit_count(), context.distinct_arms());
                    found.extend([visits.to_string(), bits(context.reward_sum()), arms.to_string()]);
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_decision_and_every_bit_is_pulseopts() {
    let golden: Golden = serde_json::from_str(include_str!("golden/traces.json")).unwrap();
    assert!(golden.traces.len() * golden.episodes >= 20_000);
    for (number, trace) in golden.traces.iter().enumerate() {
        let mut aees = Aees::new(trace.config()).unwrap();
        let mut losses = Losses(number as u64);
        for step in 0..(golden.episodes * trace.episode_length - 2) as u64 {
            aees.open(step).unwrap();
            let (loss, norm) = losses.step(step);
            aees.record(loss, norm).unwrap();
        }
        aees.finalize().unwrap();

        let episodes = aees.episodes();
        let selections = || episodes.iter().map(|episode| &episode.selection);
        assert_eq!(digits(selections().map(|selection| selection.lr_index)), trace.lr, "lr picks of {number}");
        assert_eq!(digits(selections().map(|selection| selection.noise_index)), trace.noise, "noise picks of {number}");
        let contexts: String =
            selections().filter_map(|selection| selection.context_bucket?.name().chars().next()).collect();
        assert_eq!(contexts, trace.contexts, "contexts of {number}");
        let rewards: Vec<String> = episodes.iter().step_by(50).map(|episode| bits(episode.reward)).collect();
        assert_eq!(rewards, trace.every_50th_reward, "rewards of {number}");
        assert_eq!(log_digest(episodes), trace.log_digest, "logs of {number}");
        let found = statistics(&aees);
        assert_eq!(found[..found.len().min(4)], trace.first_statistics, "statistics of {number}");
        assert_eq!(hex(Sha256::digest(found.join(" "))), trace.statistics_digest, "statistics of {number}");
    }
}
