#!/usr/bin/env python3
"""The peer of `aees bench`: PyTorch, and pulseopt around its optimizer, doing the same work. One line of JSON comes out.

`aees bench ... --peer PYTHON` gives this script to that Python on its standard input; by hand it is run like this:

    pip install torch torchvision transformers pulseopt==0.3.0
    python benches/peer.py --task cifar100 --width 16 --steps 20 --threads 2
    python benches/peer.py --task cifar100 --channels-last --fused --precision bf16
    python benches/peer.py --task control

Images are made beforehand and their making is not timed. Sentences are the batches in the file that AEES_BENCH_BATCHES names,
padded to the longest of each batch as the reference does; without the file they are random ids. A step is timed from its call to
its loss in host memory. `--evaluate N` classifies N images in batches of 128 instead: a step is then a pass over all of them.
"""
import argparse, json, os, resource, statistics, sys, time


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=["cifar100", "sst2", "agnews", "control", "data"], required=True)
    parser.add_argument("--method", choices=["baseline", "lr", "noise", "dual"], default="baseline")
    parser.add_argument("--optimizer", choices=["AdamW", "SGD"], default="AdamW")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--episode-length", type=int, default=100)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", type=int, default=0)
    return parser.parse_args()


def resnet18(width):
    """torchvision's ResNet-18 with a 3x3 first convolution, no pooling and another base width."""
    import torchvision
    from torch import nn

    block = torchvision.models.resnet.BasicBlock
    model = torchvision.models.ResNet(block, [2, 2, 2, 2], num_classes=100)
    model.inplanes = width
    model.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
    model.bn1 = nn.BatchNorm2d(width)
    model.maxpool = nn.Identity()
    for index, stride in enumerate([1, 2, 2, 2]):
        stage = model._make_layer(block, width << index, 2, stride=stride)
        for convolution in (module for module in stage.modules() if isinstance(module, nn.Conv2d)):
            # As the constructor does it, which made these for another width.
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        setattr(model, f"layer{index + 1}", stage)
    model.fc = nn.Linear(8 * width, 100)
    return model


def sentences(args):
    """The network's sizes and the batches (ids, labels), from the file or random."""
    import random

    if os.environ.get("AEES_BENCH_BATCHES"):
        with open(os.environ["AEES_BENCH_BATCHES"], encoding="utf-8") as file:
            return json.load(file)
    draw = random.Random(args.seed)
    length = lambda: min(args.max_length, 3 + int(draw.expovariate(0.1)))
    batches = [{"ids": [[draw.randrange(1000, 30000) for _ in range(length())] for _ in range(args.batch_size)],
                "labels": [draw.randrange(2) for _ in range(args.batch_size)]} for _ in range(20)]
    return {"batches": batches, "vocabulary_size": 30522, "max_positions": 512, "layers": args.layers, "dim": args.dim,
            "heads": max(1, args.dim // 64), "hidden_dim": 4 * args.dim, "classes": 2}


def workload(args, device):
    """The model, its batches, and the function from a batch to its loss."""
    import torch
    from torch import nn

    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    if args.task == "cifar100":
        model = resnet18(args.width).to(device).to(memory_format=layout)
        criterion = nn.CrossEntropyLoss()
        batches = [(torch.randn(args.batch_size, 3, 32, 32).to(memory_format=layout), torch.randint(100, (args.batch_size,)))
                   for _ in range(20)]
        return model, batches, lambda images, labels: criterion(model(images), labels)
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    data = sentences(args)
    sizes = {"n_layers": "layers", "dim": "dim", "n_heads": "heads", "hidden_dim": "hidden_dim", "vocab_size": "vocabulary_size",
             "max_position_embeddings": "max_positions", "num_labels": "classes"}
    model = DistilBertForSequenceClassification(DistilBertConfig(**{ours: data[key] for ours, key in sizes.items()})).to(device)
    batches = []
    for batch in data["batches"]:
        longest = max(map(len, batch["ids"]))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch["ids"]])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch["ids"]])
        batches.append((ids, mask, torch.tensor(batch["labels"])))
    return model, batches, lambda ids, mask, labels: model(input_ids=ids, attention_mask=mask, labels=labels).loss


def train(args):
    import torch

    device = torch.device(args.device)
    torch.backends.cuda.matmul.allow_tf32 = args.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = args.precision == "tf32"
    model, batches, loss_of = workload(args, device)
    model.train()
    if args.compile:
        model.compile()
    fused = {"fused": True} if args.fused else {}
    optimizer = (torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=1e-4, **fused) if args.optimizer == "AdamW"
                 else torch.optim.SGD(model.parameters(), lr=5e-5, momentum=0.9, weight_decay=1e-4, **fused))
    aees = None
    if args.method != "baseline":
        from pulseopt import AEES
        aees = AEES(optimizer, lr_candidates=[0.5, 1.0, 2.0] if args.method in ("lr", "dual") else [1.0],
                    noise_candidates=[0.005, 0.01] if args.method in ("noise", "dual") else [0.0],
                    episode_length=args.episode_length, seed=args.seed)

    def sync():
        if device.type == "cuda":
            torch.cuda.synchronize()

    losses, times, examples = [], [], 0
    for step in range(args.warmup + args.steps):
        batch = batches[step % len(batches)]
        sync()
        start = time.perf_counter()
        batch = [tensor.to(device, non_blocking=True) for tensor in batch]
        if aees:
            aees.step_start(step)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16"):
            loss = loss_of(*batch)
        loss.backward()
        if aees:
            aees.step_end(loss)
        else:
            optimizer.step()
        losses.append(loss.item())
        sync()
        if step >= args.warmup:
            times.append(time.perf_counter() - start)
            examples += len(batch[-1])
    return times, examples, {"first_loss": losses[0], "last_loss": losses[-1]}


def evaluate(args):
    """Seconds for each pass over the images."""
    import torch

    device = torch.device(args.device)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    model = resnet18(args.width).eval().to(device).to(memory_format=layout)
    images = torch.randn(args.evaluate, 3, 32, 32).to(device).to(memory_format=layout)
    times = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16"):
        for turn in range(args.warmup + args.steps):
            start = time.perf_counter()
            for batch in images.split(128):
                classes = model(batch).argmax(1)
            classes.tolist()
            if turn >= args.warmup:
                times.append(time.perf_counter() - start)
    return times, args.evaluate * args.steps, {"evaluate": args.evaluate}


def steps(args):
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if args.evaluate and args.task != "cifar100":
        sys.exit("only images are evaluated here")
    times, examples, more = evaluate(args) if args.evaluate else train(args)
    cuda = args.device.startswith("cuda")
    return {
        "peer": "pytorch" + ("" if args.method == "baseline" else "+pulseopt"), "torch": torch.__version__, "task": args.task,
        "method": args.method, "optimizer": args.optimizer, "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": torch.get_num_threads(), "precision": args.precision, "channels_last": args.channels_last, "fused": args.fused,
        "compile": args.compile, "batch_size": args.batch_size, "steps": args.steps, "warmup": args.warmup,
        "mean_step_s": statistics.mean(times), "median_step_s": statistics.median(times), "min_step_s": min(times),
        "max_step_s": max(times), "steps_per_s": len(times) / sum(times), "examples_per_s": examples / sum(times),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "peak_cuda_mb": torch.cuda.max_memory_allocated() / 2**20 if cuda else None, **more}


def timed(work, seconds=0.3):
    """The median over 15 repetitions that take so long together, in seconds for one."""
    work()
    start = time.perf_counter()
    work()
    rounds = max(1, int(seconds / 15 / max(1e-9, time.perf_counter() - start)))
    times = []
    for _ in range(15):
        start = time.perf_counter()
        for _ in range(rounds):
            work()
        times.append((time.perf_counter() - start) / rounds)
    return statistics.median(times)


def control(args):
    """What `aees bench control` times, in pulseopt: controller, reward and episodes; no optimizer takes a step."""
    from pulseopt.controller import DiscountedUCBController
    from pulseopt.episode import StructuredEpisodeManager, _compute_episode_loss_ema
    from pulseopt.reward import NormalizedLossImprovementReward
    from pulseopt.types import EpisodeSummary

    count = 200
    losses = [2.0 - 0.004 * step + 0.1 * ((step * 7) % 13) for step in range(count)]
    controller = DiscountedUCBController(3, random_seed=0)

    def select_and_update():
        arm = controller.select_mode()
        controller.update(arm, 0.01 * arm)

    reward = NormalizedLossImprovementReward()

    def compute_reward():
        start, end = _compute_episode_loss_ema(losses, 0.1)
        reward.compute(EpisodeSummary(0, 0, "lr1_n0", 0, count - 1, count, losses[0], losses[-1], 0.0, start, end, tuple(losses)))

    manager = StructuredEpisodeManager([0.5, 1.0, 2.0], [0.0], DiscountedUCBController(3, random_seed=0), None,
                                       NormalizedLossImprovementReward(), count)
    step = 0

    def episode():
        nonlocal step
        for loss in losses:
            manager.on_step_start(step)
            manager.on_step_end(loss, update_norm=0.5)
            step += 1

    played = timed(episode)
    rows = {"select and update, 3 arms, ducb": timed(select_and_update), "reward over 200 losses": timed(compute_reward),
            "episode of 200 steps, 3 arms": played, "episode of 200 steps, 3 arms, recorded at once": played}
    return {"peer": "pulseopt", "python": sys.version.split()[0], "rows": rows}


def data(args):
    """A batch of images as the reference makes it: PIL and torchvision's transforms, in one process."""
    import torch
    import torchvision
    from PIL import Image
    from torchvision import transforms

    made = [Image.frombytes("RGB", (32, 32), os.urandom(3072)) for _ in range(2 * args.batch_size)]
    end = [transforms.ToTensor(), transforms.Normalize((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))]
    augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *end])
    normalise = transforms.Compose(end)
    batch = lambda transform: torch.stack([transform(image) for image in made[:args.batch_size]])
    rows = {"augment a batch": timed(lambda: batch(augment)), "normalise a batch": timed(lambda: batch(normalise))}
    return {"peer": "torchvision", "torchvision": torchvision.__version__, "batch_size": args.batch_size, "rows": rows}


def main():
    args = parse()
    work = {"control": control, "data": data}.get(args.task, steps)
    print(json.dumps(work(args)))


if __name__ == "__main__":
    main()
