"""Runs an hour and peak memory of small studies, with several runs in one process and with a process for each.

    python3 benches/packs.py target/release/aees [ROUNDS]

Sixteen runs of a small text encoder and sixteen of ResNet-18 at width 8, on made-up data. Memory is the sum over all worker
processes of the memory that is theirs (PSS), as often as it can be read. Rounds go in turn.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

STUDIES = {
    "encoder of 2 layers": "task: sst2\nset: {data: synthetic, model_layers: 2, model_dim: 64, max_length: 32, limit_train: 800, "
    "limit_eval: 100, batch_size: 16, epochs: 1, control_mode: adaptive, lr_candidates: [0.5, 1, 2], episode_length: 10}",
    "ResNet-18, width 8": "task: cifar100\nset: {data: synthetic, model_width: 8, limit_train: 400, limit_eval: 100, batch_size: 50, "
    "epochs: 1, control_mode: adaptive, lr_candidates: [0.5, 1, 2], episode_length: 4}",
}
WAYS = {
    "--jobs 1 --pack 1": ["--jobs", "1"],
    "--jobs 2 --pack 1": ["--jobs", "2"],
    "--jobs 2 --pack 2": ["--jobs", "2", "--pack", "2"],
    "--jobs 4 --pack 1": ["--jobs", "4"],
    "--jobs 4 --pack 4": ["--jobs", "4", "--pack", "4"],
}


def memory(supervisor: int) -> int:
    """Bytes that the children of a process have for themselves, or their share of."""
    total = 0
    for child in pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        try:
            lines = pathlib.Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def run(program: str, study: str, flags: list[str]) -> tuple[float, int]:
    """Seconds and peak bytes of a study."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "study.yaml").write_text(f"aees: 1\n{study}\nseeds: 16\n")
        begin, peak = time.monotonic(), 0
        command = [program, "sweep", "run", "study.yaml", *flags]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            while child.poll() is None:
                try:
                    peak = max(peak, memory(child.pid))
                except OSError:
                    break
                time.sleep(0.02)
        if child.returncode != 0:
            sys.exit(f"{command} ended with {child.returncode}")
        return time.monotonic() - begin, peak


def main() -> None:
    program, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for _ in range(rounds):
        for name, study in STUDIES.items():
            for way, flags in WAYS.items():
                found.setdefault((name, way), []).append(run(program, study, flags))
    for (name, way), times in found.items():
        rates = sorted(16 * 3600 / seconds for seconds, _ in times)
        print(json.dumps({
            "study": name, "way": way, "runs_per_hour": round(statistics.median(rates)),
            "from": round(rates[0]), "to": round(rates[-1]), "peak_mib": round(max(peak for _, peak in times) / 2**20),
        }))


main()
