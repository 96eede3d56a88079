"""Times what benches/controller.rs times, in the reference: pulseopt 0.3.0 on CPython 3.11.

    python peer.py

Only the episode manager, the controller and the reward are timed; no torch optimizer takes a step. Prints the median and
the range of 15 repetitions, in nanoseconds.
"""

import statistics
import time

from pulseopt.controller import DiscountedUCBController
from pulseopt.episode import StructuredEpisodeManager, _compute_episode_loss_ema
from pulseopt.reward import NormalizedLossImprovementReward
from pulseopt.types import EpisodeSummary

STEPS = 200
LOSSES = [2.0 - 0.004 * step + 0.1 * ((step * 7) % 13) for step in range(STEPS)]


def report(name, work, rounds):
    work()
    times = []
    for _ in range(15):
        start = time.perf_counter_ns()
        for _ in range(rounds):
            work()
        times.append((time.perf_counter_ns() - start) / rounds)
    print(f"{name}: median {statistics.median(times):.0f} ns, range {min(times):.0f}..{max(times):.0f}")


def main():
    controller = DiscountedUCBController(3, random_seed=0)

    def select_and_update():
        arm = controller.select_mode()
        controller.update(arm, 0.01 * arm)

    reward = NormalizedLossImprovementReward()

    def compute_reward():
        start, end = _compute_episode_loss_ema(LOSSES, 0.1)
        reward.compute(
            EpisodeSummary(0, 0, "lr1_n0", 0, STEPS - 1, STEPS, LOSSES[0], LOSSES[-1], 0.0, start, end, tuple(LOSSES))
        )

    manager = StructuredEpisodeManager(
        [0.5, 1.0, 2.0],
        [0.0],
        DiscountedUCBController(3, random_seed=0),
        None,
        NormalizedLossImprovementReward(),
        STEPS,
    )
    step = 0

    def episode():
        nonlocal step
        for loss in LOSSES:
            manager.on_step_start(step)
            manager.on_step_end(loss, update_norm=0.5)
            step += 1

    report("select and update, 3 arms", select_and_update, 5000)
    report("reward over 200 losses", compute_reward, 500)
    report("episode of 200 steps, 3 arms", episode, 200)


if __name__ == "__main__":
    main()
