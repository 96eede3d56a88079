#!/usr/bin/env python3
"""README.md's real run, by aees and by PyTorch + pulseopt, on the same data and settings: do losses and accuracies agree?

    python benches/same_run.py PROGRAM DATA [SEEDS]

PROGRAM is `aees`, DATA the folder with train_batch_1.bin.xz and test.bin.xz in CIFAR-100's binary format. Python needs torch, torchvision
and pulseopt. Each side draws its own parameters, orders and crops, so runs of one seed are not the same: what is compared is the
spread over seeds. A row for each epoch comes out, and a table of means and standard deviations.
"""
import json, lzma, pathlib, statistics, subprocess, sys, tempfile

import numpy
import torch
from pulseopt import AEES

from peer import resnet18

WIDTH, EPOCHS, BATCH, EPISODE = 16, 10, 128, 20
LR, WEIGHT_DECAY, CANDIDATES = 1e-3, 1e-4, [0.5, 1.0, 2.0]


def images(data, name):
    rows = numpy.frombuffer(lzma.open(data / f"{name}.bin.xz").read(), dtype=numpy.uint8).reshape(-1, 3074)
    pixels = torch.from_numpy(rows[:, 2:].reshape(-1, 3, 32, 32).copy())
    return pixels, torch.from_numpy(rows[:, 1].astype(numpy.int64))


def normalised(pixels):
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)))
    return (pixels.float() / 255 - mean) / deviation


def augmented(pixels, random):
    """Each image padded by 4 with black, cut out at a place of its own, and flipped with a chance of a half."""
    padded = torch.nn.functional.pad(pixels, [4] * 4)
    corners = torch.randint(9, (len(pixels), 2), generator=random).tolist()
    cut = torch.stack([image[:, y:y + 32, x:x + 32] for image, (y, x) in zip(padded, corners)])
    flips = torch.rand(len(pixels), generator=random) < 0.5
    return torch.where(flips.view(-1, 1, 1, 1), cut.flip(3), cut)


def peer(data, seed):
    """Loss and test accuracy of each epoch."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    (pixels, labels), (test, answers) = images(data, "train_batch_1"), images(data, "test")
    model = resnet18(WIDTH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    aees = AEES(optimizer, lr_candidates=CANDIDATES, noise_candidates=[0.0], episode_length=EPISODE, seed=seed)
    step, curve = 0, []
    for _ in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in torch.randperm(len(labels), generator=random).split(BATCH):
            aees.step_start(step)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(normalised(augmented(pixels[batch], random))), labels[batch])
            loss.backward()
            aees.step_end(loss)
            total += loss.item() * len(batch)
            step += 1
        model.eval()
        with torch.inference_mode():
            right = sum((model(normalised(part)).argmax(1) == answer).sum().item()
                        for part, answer in zip(test.split(BATCH), answers.split(BATCH)))
        curve.append((total / len(labels), right / len(answers)))
    return curve


def ours(program, data, seed):
    with tempfile.TemporaryDirectory() as scratch:
        run = pathlib.Path(scratch) / "run"
        settings = ["--control-mode", "adaptive", "--lr-candidates", ",".join(map(str, CANDIDATES)), "--model-width", WIDTH,
                    "--epochs", EPOCHS, "--episode-length", EPISODE, "--batch-size", BATCH, "--lr", LR, "--weight-decay", WEIGHT_DECAY,
                    "--seed", seed, "--run-dir", run, "--progress", "none"]
        command = [program, "train", "cifar100", "--data", data / "train_batch_1.bin.xz", *settings]
        subprocess.run([str(word) for word in command], check=True, cwd=scratch, stdout=subprocess.DEVNULL)
        result = json.loads((run / "result.json").read_text())
        return list(zip(result["train_losses"], result["val_accuracies"]))


def main():
    program, data = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    if seeds < 2:
        sys.exit("SEEDS must be at least 2: one run has no spread")
    ends = {"aees": [], "PyTorch + pulseopt": []}
    for seed in range(seeds):
        for name, run in (("aees", lambda: ours(program, data, seed)), ("PyTorch + pulseopt", lambda: peer(data, seed))):
            curve = run()
            ends[name].append(curve[-1])
            print(f"seed {seed}, {name}: " + "  ".join(f"{loss:.3f} {100 * accuracy:.1f} %" for loss, accuracy in curve), flush=True)
    print("\n| | training loss of the last epoch | test accuracy (%) |\n|---|---|---|")
    for name, results in ends.items():
        loss, accuracy = zip(*results)
        cell = lambda values, scale=1: f"{scale * statistics.mean(values):.3f} ± {scale * statistics.stdev(values):.3f}"
        print(f"| {name} | {cell(loss)} | {cell(accuracy, 100)} |")


if __name__ == "__main__":
    main()
