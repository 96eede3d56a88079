//! The reward's arithmetic against published numbers. Whole files are replayed in `tests/replay.rs`.

use serde_json::json;

use super::*;
use crate::replay::record::EpisodeColumns;
use aees_control::{LogLossDrop, Reward};

fn columns(value: serde_json::Value) -> EpisodeColumns {
    serde_json::from_value(value).unwrap()
}

/// The first reward of the reference's archived run on asymmetric noise.
#[test]
fn the_archived_reward_comes_out_to_the_bit() {
    let recorded = columns(json!({"episode_rewards": [0.20416313079615156],
        "episode_ema_loss_starts": [4.735567092895508], "episode_ema_loss_ends": [3.8610468616163427]}));
    assert_eq!(rewards::compare(0, &recorded, &Reward::default()), None);
    let other = columns(json!({"episode_rewards": [0.2041631307961516],
        "episode_ema_loss_starts": [4.735567092895508], "episode_ema_loss_ends": [3.8610468616163427]}));
    let difference = rewards::compare(0, &other, &Reward::default()).unwrap();
    assert_eq!(
        difference.to_string(),
        "episode 1: reward is 0.2041631307961516 in the file and 0.20416313079615156 by replay"
    );
}

/// Losses 2.0, 1.5, 1.0, 1.2 with a penalty of 0.1, as the reference computes them.
#[test]
fn a_penalty_is_recomputed_from_the_recorded_instability() {
    let config = LogLossDrop { instability_lambda: 0.1, ..LogLossDrop::default() }.into();
    let recorded = columns(json!({"episode_rewards": [0.1042241636237452], "reward_base": [0.11121092874784855],
        "reward_instability": [0.06986765124103342], "reward_penalty": [0.006986765124103342],
        "reward_final_unclipped": [0.1042241636237452], "reward_final_clipped": [0.1042241636237452],
        "episode_ema_loss_starts": [2.0], "episode_ema_loss_ends": [1.7895000000000003]}));
    assert_eq!(rewards::compare(0, &recorded, &config), None);
    assert_eq!(rewards::compare(0, &recorded, &Reward::default()).unwrap().what, "reward_penalty");
}

#[test]
fn a_reward_beyond_its_bounds_is_clipped() {
    let recorded = columns(json!({"episode_rewards": [1.0], "reward_final_clipped": [1.0],
        "episode_ema_loss_starts": [4.0], "episode_ema_loss_ends": [0.1]}));
    assert_eq!(rewards::compare(0, &recorded, &Reward::default()), None);
}

#[test]
fn columns_of_unequal_length_are_named() {
    let recorded = columns(json!({"episode_rewards": [0.1, 0.2], "selected_lr_indices": [0]}));
    let reason = recorded.check_lengths().unwrap_err();
    assert_eq!(reason, "unequal lengths: episode_rewards has 2 entries, selected_lr_indices has 1");
}
