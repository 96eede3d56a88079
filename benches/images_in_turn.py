#!/usr/bin/env python3
"""aees and PyTorch training the same ResNet-18 on the same cores, in turn: the ratio of their steps, with its range.

Each round runs both sides once, each in a process of its own, and gives one ratio of medians. Run it on an idle machine.

    pip install torch torchvision
    cargo bench --no-run --bench training_step
    python benches/images_in_turn.py --width 64 --rounds 5 --steps 5 --against plain
    python benches/images_in_turn.py --width 64 --rounds 5 --steps 2 --against best --evaluate 10000
"""
import argparse, json, os, statistics, subprocess, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def newest_bench():
    built = HERE.parent.glob("target/release/deps/training_step-*")
    programs = [path for path in built if os.access(path, os.X_OK) and not path.suffix]
    if not programs:
        sys.exit("no bench is built: cargo bench --no-run --bench training_step")
    return max(programs, key=lambda path: path.stat().st_mtime)


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    return statistics.median(result["seconds"]), result["peak_rss_mb"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="steps of a process, or passes of an evaluation")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--against", choices=["plain", "best", "bf16"], default="plain")
    parser.add_argument("--evaluate", type=int, default=0, help="classify so many images instead of training")
    parser.add_argument("--aees", type=Path, help="the bench program; the newest one by default")
    args = parser.parse_args()
    shape = ["--width", args.width, "--batch", args.batch, "--evaluate", args.evaluate]
    ours = [args.aees or newest_bench(), *shape, "--rounds", args.steps, "--plain", "yes"]
    theirs = [sys.executable, HERE / "pytorch_step.py", *shape, "--steps", args.steps, "--threads", args.threads, "--plain"]
    theirs += [] if args.against == "plain" else [f"--{args.against}"]
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    rounds = [(run(ours), run(theirs)) for _ in range(args.rounds)]
    ratios = [peer / own for (own, _), (peer, _) in rounds]
    own, peer = ([side[index][0] for side in rounds] for index in (0, 1))
    print(json.dumps({
        "width": args.width, "batch": args.batch, "evaluate": args.evaluate, "against": args.against, "rounds": args.rounds,
        "steps": args.steps, "threads": args.threads,
        "aees_s": statistics.median(own), "aees_s_min_max": [min(own), max(own)],
        "pytorch_s": statistics.median(peer), "pytorch_s_min_max": [min(peer), max(peer)],
        "ratio": statistics.median(ratios), "ratio_min_max": [min(ratios), max(ratios)],
        "aees_peak_mb": max(side[0][1] for side in rounds), "pytorch_peak_mb": max(side[1][1] for side in rounds)}))


if __name__ == "__main__":
    main()
