#!/usr/bin/env python3
"""The opponent of `training_step`: PyTorch, and pulseopt around its optimizer, training the same ResNet-18 at batch 128.

Images are made beforehand and their making is not timed. The plain optimizer, AEES on the learning rate and AEES with noise
run one after another, each from a fresh model; one line of JSON comes out.

    pip install torch torchvision pulseopt==0.3.0
    python benches/pytorch_step.py --width 64 --steps 8 --threads 2
"""
import argparse, json, resource, statistics, time

import torch
import torchvision
from torch import nn


def resnet18(width):
    """torchvision's ResNet-18 with a 3x3 first convolution, no pooling and another base width."""
    model = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2], num_classes=100)
    model.inplanes = width
    model.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
    model.bn1 = nn.BatchNorm2d(width)
    model.maxpool = nn.Identity()
    block = torchvision.models.resnet.BasicBlock
    for index, stride in enumerate([1, 2, 2, 2]):
        setattr(model, f"layer{index + 1}", model._make_layer(block, width << index, 2, stride=stride))
    model.fc = nn.Linear(8 * width, 100)
    return model


def measure(args, method):
    torch.manual_seed(0)
    model = resnet18(args.width).train()
    optimizer = (torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4) if args.optimizer == "AdamW"
                 else torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4))
    aees = None
    if method != "baseline":
        from pulseopt import AEES
        noise = [0.005, 0.01] if method == "dual" else [0.0]
        aees = AEES(optimizer, lr_candidates=[0.5, 1.0, 2.0], noise_candidates=noise, episode_length=100, seed=0)
    images = torch.randn(20, 128, 3, 32, 32)
    labels = torch.randint(100, (20, 128))
    criterion = nn.CrossEntropyLoss()
    times = []
    for step in range(args.steps + 1):
        start = time.perf_counter()
        if aees:
            aees.step_start(step)
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(images[step % 20]), labels[step % 20])
        loss.backward()
        if aees:
            aees.step_end(loss)
        else:
            optimizer.step()
        loss.item()
        if step:
            times.append(time.perf_counter() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--optimizer", choices=["AdamW", "SGD"], default="AdamW")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    times = {method: measure(args, method) for method in ("baseline", "lr", "dual")}
    medians = {method: statistics.median(steps) for method, steps in times.items()}
    print(json.dumps({
        "engine": f"torch {torch.__version__}", "device": "cpu", "threads": torch.get_num_threads(), "width": args.width,
        "batch_size": 128, "optimizer": args.optimizer, "rounds": args.steps, "median_step_s": medians["baseline"],
        "lr_median_step_s": medians["lr"], "dual_median_step_s": medians["dual"],
        "lr_overhead_percent": 100 * (medians["lr"] / medians["baseline"] - 1),
        "dual_overhead_percent": 100 * (medians["dual"] / medians["baseline"] - 1),
        "step_s_min_max": [min(times["baseline"]), max(times["baseline"])], "examples_per_s": 128 / medians["baseline"],
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
