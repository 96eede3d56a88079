//! The reward against recorded values of the reference, and its refusals.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use aees_control::reward::{EpisodeLosses, RewardBreakdown, RewardConfig, RewardError, loss_ema};

fn compute(config: RewardConfig, losses: &[f64]) -> Result<RewardBreakdown, RewardError> {
    let (start, end) = loss_ema(losses, 0.1).unwrap();
    config.compute(&EpisodeLosses {
        ema_loss_start: Some(start),
        ema_loss_end: Some(end),
        steps: losses.len(),
        step_losses: losses,
    })
}

#[test]
fn recorded_rewards() {
    let losses = [2.0, 1.5, 1.0, 1.2];
    assert_eq!(loss_ema(&losses, 0.1), Some((2.0, 1.789_500_000_000_000_3)));
    let config = RewardConfig { instability_lambda: 0.1, ..RewardConfig::default() };
    assert_eq!(
        compute(config, &losses).unwrap(),
        RewardBreakdown {
            reward_base: 0.111_210_928_747_848_55,
            reward_instability: 0.069_867_651_241_033_42,
            reward_penalty: 0.006_986_765_124_103_342,
            reward_final_unclipped: 0.104_224_163_623_745_2,
            reward_final_clipped: 0.104_224_163_623_745_2,
        }
    );
    let falling: Vec<f64> = [4.0, 0.0, 0.0, 0.0].repeat(10);
    let falling = compute(RewardConfig::default(), &falling).unwrap();
    assert_eq!((falling.reward_base, falling.reward_final_clipped), (1.497_771_962_392_57, 1.0));
    let mut rising = vec![0.001];
    rising.extend([10.0; 30]);
    let rising = compute(RewardConfig::default(), &rising).unwrap();
    assert_eq!((rising.reward_base, rising.reward_final_clipped), (-9.167_018_908_264_478, -1.0));
}

#[test]
fn one_step_earns_nothing() {
    let reward = compute(RewardConfig { instability_lambda: 2.0, ..RewardConfig::default() }, &[0.7]).unwrap();
    assert_eq!((reward.reward_final_clipped, reward.reward_instability), (0.0, 0.0));
}

#[test]
fn refusals_in_the_references_order_and_words() {
    let config = RewardConfig::default();
    let message = |start, end, steps, step_losses: &[f64]| {
        let losses = EpisodeLosses { ema_loss_start: start, ema_loss_end: end, steps, step_losses };
        config.compute(&losses).unwrap_err().to_string()
    };
    assert_eq!(message(None, Some(f64::NAN), 0, &[]), "ema_loss_start must be populated.");
    assert_eq!(message(Some(f64::NAN), None, 0, &[]), "ema_loss_start must be finite.");
    assert_eq!(message(Some(1.0), None, 0, &[]), "ema_loss_end must be populated.");
    assert_eq!(message(Some(1.0), Some(1.0), 0, &[]), "Episode summary must contain at least one completed step.");
    assert_eq!(message(Some(1.0), Some(1.0), 1, &[]), "Episode summary must contain raw step losses.");
    assert_eq!(message(Some(-1.0), Some(1.0), 1, &[f64::NAN]), "step_losses must contain only finite values.");
    let text = "ema_loss_start + reward_epsilon must be positive for log reward.";
    assert_eq!(message(Some(-1.0), Some(-1.0), 1, &[1.0]), text);
    let text = "ema_loss_end + reward_epsilon must be positive for log reward.";
    assert_eq!(message(Some(1.0), Some(-1.0), 1, &[1.0]), text);
    assert_eq!(compute(config, &[1e200, 1.0, -1e200, 1e200]), Err(RewardError::Overflow));

    let refused = |config: RewardConfig| config.validate().unwrap_err().to_string();
    assert_eq!(refused(RewardConfig { epsilon: 0.0, ..config }), "reward_epsilon must be positive.");
    assert_eq!(
        refused(RewardConfig { instability_lambda: -0.1, ..config }),
        "reward_instability_lambda must be non-negative."
    );
    assert_eq!(refused(RewardConfig { clip_min: 2.0, ..config }), "reward_clip_min must be <= reward_clip_max.");
    assert_eq!(refused(RewardConfig { clip_max: f64::NAN, ..config }), "reward_clip_max must be finite.");
}

#[test]
fn negative_losses_are_allowed_while_the_logarithms_exist() {
    let reward = compute(RewardConfig::default(), &[2.0, -1.0, 1.0]).unwrap();
    assert!(reward.reward_base.is_finite());
}
