//! `aees bench control`: what the method costs by itself: a decision, a reward, an episode of 200 steps.

use std::hint::black_box;
use std::path::PathBuf;

use aees_control::episode::EpisodeError;
use aees_control::reward::EpisodeLosses;
use aees_control::{Aees, AeesConfig, AeesError, BanditConfig, ControllerName, Reward};
use clap::Args;
use serde_json::json;

use super::timed::{Timed, tell};
use crate::failure::Failure;

const STEPS: u64 = 200;

/// Episodes of a run, 200 epochs of CIFAR-100. After as many the work begins anew, since logs grow with a run.
const EPISODES: usize = 391;

/// Times the controllers: a decision, a reward, an episode of 200 steps
#[derive(Args)]
pub(crate) struct BenchControlFlags {
    /// A Python with pulseopt, which then does the same
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

impl BenchControlFlags {
    pub(super) fn run(self) -> Result<(), Failure> {
        let rows = rows().map_err(|error| Failure::new(format!("the controllers refuse: {error}")))?;
        tell(json!({"steps_per_episode": STEPS}), &rows, self.peer, &["--task".into(), "control".into()], self.json)
    }
}

fn rows() -> Result<Vec<Timed>, AeesError> {
    let mut rows = Vec::new();
    for name in ControllerName::ALL {
        let bandit = BanditConfig::read(*name, |setting| setting.default);
        let mut controller = bandit.controller(3, &[], Some(0))?;
        rows.push(Timed::take(format!("select and update, 3 arms, {}", name.name()), || {
            let arm = controller.select()?;
            controller.update(arm, black_box(0.01 * arm as f64))
        })?);
    }
    let losses: Vec<f64> = (0..STEPS).map(|step| 2.0 - 0.004 * step as f64 + 0.1 * ((step * 7) % 13) as f64).collect();
    let reward = Reward::default();
    let rewarded = Timed::take("reward over 200 losses", || {
        let losses = EpisodeLosses::new(black_box(losses.as_slice()))?;
        black_box(reward.of_episode(losses, 0.1)).1.map(drop)
    });
    rows.push(rewarded.map_err(EpisodeError::from)?);
    rows.push(episode("episode of 200 steps, 3 arms", |aees, step| {
        for (loss, step) in black_box(&losses).iter().zip(step..) {
            black_box(aees.open(step)?.lr_multiplier.get());
            aees.record(*loss, Some(0.5))?;
        }
        Ok(())
    })?);
    let norms = vec![0.5; losses.len()];
    // As a loop does that reads its losses once an episode.
    rows.push(episode("episode of 200 steps, 3 arms, recorded at once", |aees, step| {
        black_box(aees.open(step)?.lr_multiplier.get());
        aees.record_steps(black_box(&losses), black_box(&norms)).map(drop)
    })?);
    Ok(rows)
}

/// One episode after the other.
fn episode(name: &str, mut play: impl FnMut(&mut Aees, u64) -> Result<(), AeesError>) -> Result<Timed, AeesError> {
    let config =
        AeesConfig { lr_candidates: vec![0.5, 1.0, 2.0], episode_length: 200, seed: Some(0), ..AeesConfig::default() };
    let fresh = Aees::new(config)?;
    let (mut aees, mut step) = (fresh.clone(), 0);
    Timed::take(name, || {
        if aees.episodes().len() == EPISODES {
            aees = fresh.clone();
        }
        play(&mut aees, step)?;
        step += STEPS;
        Ok(())
    })
}
