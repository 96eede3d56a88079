"""Writes traces.json: what pulseopt 0.3.0 decides, for the differential test in tests/differential.rs.

    python make_traces.py            (Python 3.11, pulseopt 0.3.0; about ten seconds)

Drives pulseopt's own StructuredEpisodeManager, with the controllers that its AEES class would build, over synthetic
losses in every combination of structured mode, context mode, control mode, candidate counts and seed. The losses come
from a 64-bit linear congruential generator and use only operations that are exact or correctly rounded, so the Rust test
computes the very same ones.

For each configuration: the picks as digits, the contexts as letters, a SHA-256 over the bits of everything that was
logged for each episode, the reward bits of every 50th episode, and the bits of the final statistics.

Nothing is skipped: the reference's library (unlike its runners) handles conditional mode with one noise candidate.
"""

import hashlib
import itertools
import json
import pathlib
import struct

from pulseopt.controller import TREND_CONTEXT_BUCKETS
from pulseopt.episode import StructuredEpisodeManager
from pulseopt.reward import NormalizedLossImprovementReward
from pulseopt.scheduler import _build_controller, _build_noise_controller

LR_VALUES = [0.5, 1.0, 2.0, 4.0]
NOISE_VALUES = [0.0, 0.0025, 0.005, 0.01]
SHAPES = [(1, 1), (3, 1), (1, 3), (3, 3), (2, 4)]
SEEDS = [0, 1, 7, -12345, 2**40 + 3]
EPISODES = 120
MASK = (1 << 64) - 1


class Losses:
    """A generator of losses in waves, so that rewards and trends take both signs."""

    def __init__(self, seed):
        self.state = seed

    def unit(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 11) / 9007199254740992.0

    def step(self, index):
        level = 0.75 + 0.25 * ((index // 13) % 9)
        loss = level * (0.5 + self.unit())
        norm = None if index % 11 == 3 else 0.125 + self.unit()
        return loss, norm


def settings_of(number):
    """Varies the settings with the number of the configuration."""
    return {
        "episode_length": 3 + number % 5,
        "reward_instability_lambda": [0.0, 0.1, 0.75][number % 3],
        "reward_clip": [1.0, 0.25][number % 2],
        "ema_alpha": [0.1, 0.35, 1.0][number // 2 % 3],
        "context_trend_window": [3, 2, 5, 1][number // 3 % 4],
        "context_trend_epsilon": [1e-3, 0.05][number // 5 % 2],
    }


def bits(value):
    return struct.pack("<d", value).hex()


def statistics(controller):
    """The bits of everything a controller has learned, in a fixed order."""
    if controller is None:
        return []
    state = controller.get_state()
    if "counts" in state:
        return [bits(v) for v in state["counts"] + state["reward_sums"] + state["mean_rewards"]] + [
            str(v) for v in [*state["warmup_counts"], state["total_updates"]]
        ]
    if "bucket_names" not in state:
        return []
    found = statistics(controller._global_prior)
    for name in state["bucket_names"]:
        bucket = controller._bucket_controllers.get(name)
        found += statistics(bucket) if bucket is not None else ["-"]
        found += [
            str(state["bucket_visit_counts"][name]),
            bits(state["bucket_reward_sums"][name]),
            str(state["bucket_distinct_arm_counts"][name]),
        ]
    return found


def trace(number, structured, context, control, shape, seed):
    settings = settings_of(number)
    lr_values, noise_values = LR_VALUES[: shape[0]], NOISE_VALUES[: shape[1]]
    buckets = list(TREND_CONTEXT_BUCKETS) if context == "trend" else None
    lr_controller = _build_controller(len(lr_values), control, buckets, seed)
    noise_controller = _build_noise_controller(noise_values, lr_values, control, structured, buckets, seed)
    manager = StructuredEpisodeManager(
        lr_values,
        noise_values,
        lr_controller,
        noise_controller,
        NormalizedLossImprovementReward(
            reward_instability_lambda=settings["reward_instability_lambda"],
            reward_clip_min=-settings["reward_clip"],
            reward_clip_max=settings["reward_clip"],
        ),
        settings["episode_length"],
        structured_control_mode=structured,
        context_mode=context,
        context_trend_window=settings["context_trend_window"],
        context_trend_epsilon=settings["context_trend_epsilon"],
        ema_alpha=settings["ema_alpha"],
    )
    losses = Losses(number)
    # Two steps less than whole episodes, so that the last one is closed by finalize().
    for step in range(EPISODES * settings["episode_length"] - 2):
        manager.on_step_start(step)
        manager.on_step_end(*losses.step(step))
    manager.finalize()

    logs = manager.get_logs()
    assert len(logs["episode_rewards"]) == EPISODES
    digest = hashlib.sha256()
    for i in range(EPISODES):
        for key in (
            "episode_rewards",
            "reward_base",
            "reward_instability",
            "reward_penalty",
            "reward_final_unclipped",
            "episode_start_losses",
            "episode_end_losses",
            "episode_ema_loss_starts",
            "episode_ema_loss_ends",
        ):
            digest.update(struct.pack("<d", logs[key][i]))
        norm = logs["mean_update_norms"][i]
        digest.update(b"-" if norm is None else struct.pack("<d", norm))
        digest.update(struct.pack("<QQ", logs["episode_start_steps"][i], logs["episode_end_steps"][i]))
        digest.update(logs["selected_combined_names"][i].encode())
    controllers = [lr_controller]
    controllers += noise_controller if isinstance(noise_controller, list) else [noise_controller]
    final = [item for controller in controllers for item in statistics(controller)]
    return {
        "structured": structured,
        "context": context,
        "control": control,
        "shape": shape,
        "seed": seed,
        **settings,
        "lr": "".join(map(str, logs["selected_lr_indices"])),
        "noise": "".join(map(str, logs["selected_noise_indices"])),
        "contexts": "".join(name[0] for name in logs.get("context_buckets", [])),
        "every_50th_reward": [bits(reward) for reward in logs["episode_rewards"][::50]],
        "log_digest": digest.hexdigest(),
        "statistics_digest": hashlib.sha256(" ".join(final).encode()).hexdigest(),
        "first_statistics": final[:4],
    }


def main():
    combinations = itertools.product(
        ["independent", "conditional"], ["none", "trend"], ["adaptive", "random"], SHAPES, SEEDS
    )
    traces = [trace(number, *combination) for number, combination in enumerate(combinations)]
    path = pathlib.Path(__file__).with_name("traces.json")
    path.write_text(
        '{"episodes": %d, "traces": [\n' % EPISODES + ",\n".join(json.dumps(t) for t in traces) + "\n]}\n"
    )
    print(f"{len(traces)} configurations, {len(traces) * EPISODES} episodes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
