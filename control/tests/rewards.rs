//! The reward against recorded values of the reference, and its refusals.

use aees_control::reward::{EpisodeLosses, LogLossDrop, LoggedEpisode, Reward, RewardBreakdown, RewardError};

fn compute(config: LogLossDrop, losses: &[f64]) -> Result<RewardBreakdown, RewardError> {
    let losses = EpisodeLosses::new(losses)?;
    let (end, breakdown) = Reward::from(config).of_episode(losses, 0.1);
    assert_eq!(end, losses.ema_end(0.1), "the smoothed loss is the same on both ways");
    breakdown
}

#[test]
fn recorded_rewards() {
    let losses = [2.0, 1.5, 1.0, 1.2];
    assert_eq!(EpisodeLosses::new(&losses).unwrap().ema_end(0.1), 1.789_500_000_000_000_3);
    let config = LogLossDrop { instability_lambda: 0.1, ..LogLossDrop::default() };
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
    let falling = compute(LogLossDrop::default(), &falling).unwrap();
    assert_eq!((falling.reward_base, falling.reward_final_clipped), (1.497_771_962_392_57, 1.0));
    let mut rising = vec![0.001];
    rising.extend([10.0; 30]);
    let rising = compute(LogLossDrop::default(), &rising).unwrap();
    assert_eq!((rising.reward_base, rising.reward_final_clipped), (-9.167_018_908_264_478, -1.0));
}

#[test]
fn one_step_earns_nothing() {
    let reward = compute(LogLossDrop { instability_lambda: 2.0, ..LogLossDrop::default() }, &[0.7]).unwrap();
    assert_eq!((reward.reward_final_clipped, reward.reward_instability), (0.0, 0.0));
}

#[test]
fn refusals_in_the_references_order_and_words() {
    let config = LogLossDrop::default();
    let message = |losses: &[f64]| compute(config, losses).unwrap_err().to_string();
    assert_eq!(message(&[]), "Episode summary must contain raw step losses.");
    assert_eq!(message(&[-1.0, f64::NAN]), "step_losses must contain only finite values.");
    assert_eq!(message(&[-1.0, -1.0]), "ema_loss_start + reward_epsilon must be positive for log reward.");
    assert_eq!(message(&[1.0, -20.0]), "ema_loss_end + reward_epsilon must be positive for log reward.");
    assert_eq!(compute(config, &[1e200, 1.0, -1e200, 1e200]), Err(RewardError::Overflow));

    let refused = |config: LogLossDrop| Reward::from(config).check().unwrap_err().to_string();
    assert_eq!(refused(LogLossDrop { epsilon: 0.0, ..config }), "reward_epsilon must be positive.");
    assert_eq!(
        refused(LogLossDrop { instability_lambda: -0.1, ..config }),
        "reward_instability_lambda must be non-negative."
    );
    assert_eq!(refused(LogLossDrop { clip_min: 2.0, ..config }), "reward_clip_min must be <= reward_clip_max.");
    assert_eq!(refused(LogLossDrop { clip_max: f64::NAN, ..config }), "reward_clip_max must be finite.");
}

#[test]
fn negative_losses_are_allowed_while_the_logarithms_exist() {
    let reward = compute(LogLossDrop::default(), &[2.0, -1.0, 1.0]).unwrap();
    assert!(reward.reward_base.is_finite());
}

#[test]
fn a_reward_is_recomputed_from_what_the_logs_keep() {
    let losses = [2.0, 1.5, 1.0, 1.2];
    let config = LogLossDrop { instability_lambda: 0.1, ..LogLossDrop::default() };
    let breakdown = compute(config, &losses).unwrap();
    let end = EpisodeLosses::new(&losses).unwrap().ema_end(0.1);
    let recompute = |config, instability| {
        Reward::from(config).recompute(&LoggedEpisode { ema_start: 2.0, ema_end: end, instability, probe: None })
    };
    assert_eq!(recompute(config, Some(breakdown.reward_instability)), breakdown);
    let unknown = recompute(config, None);
    assert_eq!(unknown.reward_base, breakdown.reward_base);
    assert!(unknown.reward_penalty.is_nan() && unknown.reward_final_clipped.is_nan());
    let plain = compute(LogLossDrop::default(), &losses).unwrap();
    assert_eq!(recompute(LogLossDrop::default(), None).reward_final_clipped, plain.reward_final_clipped);
}
