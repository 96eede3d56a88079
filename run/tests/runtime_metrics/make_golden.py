"""Asks the reference for `runtime_metrics` of many made-up results and stores both.

    python make_golden.py .../experiments/utils/results.py > golden.json

The module is the one of the pulseopt repository's early history (commit 632f30300682ee4f6ab3d7f0b1f075659cb974e6); it needs torch.
Run with Python 3.11. `hardware` keeps only what comes from the configuration.
"""

import importlib.util
import json
import sys


def load(path):
    spec = importlib.util.spec_from_file_location("results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def histories(arms, episodes):
    values = [{repr(arm): 0.1 * index for arm in arms} for index in range(episodes)]
    return {"value_estimates_history": values, "controller_updates_history": list(range(1, episodes + 1))}


def ucb(axis, arms, episodes):
    head = {"axis_name": axis, "controller_type": "DiscountedUCBController", "controller_created": True}
    return head | {"arm_values": arms} | histories(arms, episodes)


def fixed(axis, arm):
    head = {"axis_name": axis, "controller_type": "FixedAxis", "controller_created": False}
    return head | {"arm_values": [arm], "fixed_arm_value": arm}


def contextual(axis, arms, episodes):
    head = {"axis_name": axis, "controller_type": "BucketedContextualController", "controller_created": True}
    return head | {"arm_values": arms, "global_prior_logs": histories(arms, episodes), "bucket_controller_logs": {}}


def random_controller(axis, arms):
    return {"axis_name": axis, "controller_type": "RandomController", "controller_created": True, "arm_values": arms}


def without(entries, *keys):
    return {key: value for key, value in entries.items() if key not in keys}


CONFIG = {
    "batch_size": 16,
    "gradient_accumulation_steps": 2,
    "device": "cpu",
    "num_workers": 0,
    "pin_memory": False,
    "structured_control_mode": "independent",
    "context_mode": "none",
    "lr_scheduler": "none",
    "episode_length": 200,
    "lr_candidates": [1.0],
    "noise_candidates": [0.0, 0.005, 0.01],
    "control_regime": "AdaptiveScheduler",
}
LR = [0.5, 1.0, 2.0]
NOISE = [0.0, 0.005, 0.01]
# The vector of the reference's own unit test.
VECTOR = {
    "method_name": "AdaptiveScheduler",
    "config": CONFIG,
    "total_steps": 100,
    "total_epochs": 5,
    "wall_clock_seconds": 20.0,
    "estimated_flops": 4e12,
    "epoch_wall_clock_seconds": [3.0, 4.0, 5.0, 4.0, 4.0],
    "epoch_tflops": [0.5, 0.75, 0.9, 0.85, 1.0],
    "controller_logs": {
        "_logged_episode_count": 5,
        "lr_controller_logs": fixed("lr", 1.0),
        "noise_controller_logs": ucb("noise", NOISE, 5) | {"value_estimates_history": [[0.1, 0.0, 0.0], [0.1, 0.2, 0.0]]},
    },
}
BASELINE_CONFIG = CONFIG | {"lr_candidates": [1.0], "noise_candidates": [0.0], "control_regime": "Baseline"}
# The reference's archived CIFAR-100 run, a new file, likewise; the contents of the histories are made up.
CIFAR = {
    "method_name": "AdaptiveScheduler",
    "config": {
        "control_mode": "adaptive", "control_regime": "AdaptiveScheduler", "lr_scheduler": "cosine", "batch_size": 128,
        "num_workers": 2, "pin_memory": True, "structured_control_mode": "independent", "context_mode": "none",
        "episode_length": 200, "lr_candidates": LR, "noise_candidates": [0.0], "device": "cuda",
    },
    "controller_logs": {
        "_logged_episode_count": 36,
        "lr_controller_logs": ucb("lr", LR, 36),
        "noise_controller_logs": fixed("noise", 0.0),
    },
    "total_epochs": 18,
    "total_steps": 7038,
    "estimated_flops": 106560000000000.0,
    "epoch_tflops": [5.92] * 18,
    "epoch_wall_clock_seconds": [
        9.10660527809523, 5.3689328990876675, 5.457759989891201, 5.385842040879652, 5.348813061835244,
        5.380859137978405, 5.405615326948464, 5.522069952916354, 5.390274153091013, 5.415545988827944,
        5.360208917874843, 5.396420165197924, 5.3929166020825505, 5.446698359912261, 5.432100255973637,
        5.422150618862361, 5.4301623271312565, 5.435301041929051],
    "wall_clock_seconds": 107.91534177702852,
}


def with_logs(config=None, **logs):
    return VECTOR | {"config": CONFIG | (config or {}), "controller_logs": logs}


CASES = {
    "vector": VECTOR,
    "baseline": VECTOR | {"config": BASELINE_CONFIG, "controller_logs": None},
    "new CIFAR-100": CIFAR,
    "both adaptive": with_logs({"lr_candidates": LR}, lr_controller_logs=ucb("lr", LR, 4),
                               noise_controller_logs=ucb("noise", NOISE, 4)),
    "both fixed": with_logs(BASELINE_CONFIG, lr_controller_logs=fixed("lr", 1e-05),
                            noise_controller_logs=fixed("noise", 1234567.0)),
    "contextual": with_logs({"lr_candidates": LR}, lr_controller_logs=contextual("lr", LR, 7),
                            noise_controller_logs=contextual("noise", NOISE, 3)),
    "random": with_logs({"lr_candidates": LR}, lr_controller_logs=random_controller("lr", LR),
                        noise_controller_logs=fixed("noise", 0.0)),
    "conditional": with_logs(
        {"lr_candidates": LR, "structured_control_mode": "conditional"},
        _logged_episode_count=5,
        lr_controller_logs=ucb("lr", LR, 5),
        noise_controller_logs_by_lr={
            "0.5": ucb("noise", NOISE, 5) | {"conditioned_on_lr_value": 0.5},
            "1.0": ucb("noise", NOISE, 3) | {"conditioned_on_lr_value": 1.0},
            "2.0": fixed("noise", 0.0),
        },
    ),
    "conditional, fixed only": with_logs(
        {"lr_candidates": LR, "noise_candidates": [0.0], "structured_control_mode": "conditional"},
        lr_controller_logs=ucb("lr", LR, 5),
        noise_controller_logs_by_lr={"0.5": fixed("noise", 0.0), "1.0": fixed("noise", 0.0)},
    ),
    "conditional without logs": VECTOR | {"controller_logs": None, "config": CONFIG | {
        "lr_candidates": LR, "structured_control_mode": "conditional"}},
    "independent without logs": VECTOR | {"controller_logs": None, "config": CONFIG | {"lr_candidates": LR}},
    "update histories only": with_logs(
        lr_controller_logs=without(ucb("lr", LR, 4), "value_estimates_history"),
        noise_controller_logs=contextual("noise", NOISE, 2)
        | {"global_prior_logs": {"controller_updates_history": [1, 2]}}),
    "one epoch": VECTOR | {"epoch_wall_clock_seconds": [3.7], "epoch_tflops": [0.1], "total_epochs": 1},
    "no time": VECTOR | {"wall_clock_seconds": 0.0},
    "no steps": VECTOR | {"total_steps": 0, "total_epochs": 0},
}


if __name__ == "__main__":
    reference = load(sys.argv[1])
    cases = []
    for name, result in CASES.items():
        metrics = reference.build_runtime_metrics(result)
        for key in list(metrics["hardware"]):
            if not key.endswith("_from_config"):
                metrics["hardware"][key] = None
        cases.append({"name": name, "result": result, "runtime_metrics": metrics})
    print('{"cases": [')
    print(",\n".join(json.dumps(case, sort_keys=True) for case in cases))
    print("]}")
