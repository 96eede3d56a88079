#!/usr/bin/env python3
"""The opponent of `training_step`: PyTorch, and pulseopt around its optimizer, training the same ResNet-18 at batch 128.

Images are made beforehand and their making is not timed. The plain optimizer, AEES on the learning rate and AEES with noise
run one after another, each from a fresh model; one line of JSON comes out.

    pip install torch torchvision pulseopt==0.3.0
    python benches/pytorch_step.py --width 64 --steps 8 --threads 2

`--best` is PyTorch at its best in single precision (images with channels last, a fused optimizer), `--bf16` the same under
autocast to bfloat16. `--plain` leaves out AEES. `--evaluate N` classifies N images instead, in batches of 128.
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
    layout = torch.channels_last if args.best or args.bf16 else torch.contiguous_format
    model = model.to(memory_format=layout)
    fused = {"fused": True} if args.best or args.bf16 else {}
    optimizer = (torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4, **fused) if args.optimizer == "AdamW"
                 else torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4, **fused))
    aees = None
    if method != "baseline":
        from pulseopt import AEES
        noise = [0.005, 0.01] if method == "dual" else [0.0]
        aees = AEES(optimizer, lr_candidates=[0.5, 1.0, 2.0], noise_candidates=noise, episode_length=100, seed=0)
    images = [torch.randn(args.batch, 3, 32, 32).to(memory_format=layout) for _ in range(20)]
    labels = torch.randint(100, (20, args.batch))
    criterion = nn.CrossEntropyLoss()
    times = []
    for step in range(args.steps + 1):
        start = time.perf_counter()
        if aees:
            aees.step_start(step)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
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


def evaluate(args):
    """Seconds for each pass over the images, after one to warm up."""
    layout = torch.channels_last if args.best or args.bf16 else torch.contiguous_format
    model = resnet18(args.width).eval().to(memory_format=layout)
    images = torch.randn(args.evaluate, 3, 32, 32).to(memory_format=layout)
    times = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
        for turn in range(args.steps + 1):
            start = time.perf_counter()
            for batch in images.split(128):
                model(batch).argmax(1)
            if turn:
                times.append(time.perf_counter() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--optimizer", choices=["AdamW", "SGD"], default="AdamW")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--best", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--evaluate", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.plain or args.evaluate:
        seconds = evaluate(args) if args.evaluate else measure(args, "baseline")
        print(json.dumps({"seconds": seconds, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    times = {method: measure(args, method) for method in ("baseline", "lr", "dual")}
    medians = {method: statistics.median(steps) for method, steps in times.items()}
    print(json.dumps({
        "engine": f"torch {torch.__version__}", "device": "cpu", "threads": torch.get_num_threads(), "width": args.width,
        "batch_size": args.batch, "optimizer": args.optimizer, "rounds": args.steps, "median_step_s": medians["baseline"],
        "lr_median_step_s": medians["lr"], "dual_median_step_s": medians["dual"],
        "lr_overhead_percent": 100 * (medians["lr"] / medians["baseline"] - 1),
        "dual_overhead_percent": 100 * (medians["dual"] / medians["baseline"] - 1),
        "step_s_min_max": [min(times["baseline"]), max(times["baseline"])], "examples_per_s": args.batch / medians["baseline"],
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
