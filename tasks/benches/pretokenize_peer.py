"""Times benches/pretokenize.rs beside Python's BertTokenizerFast in batches of 1,000, on the same rows, pass by pass.

    cargo bench -p aees-tasks --bench pretokenize --no-run     # prints the path of the binary
    python pretokenize_peer.py CORPUS BINARY [PASSES]

Python's side is tokenizing alone: its rows are in memory and nothing is written. Ours is tokenizing and writing with
sync; reading is told beside it. Each of our passes is a process of its own.
"""

import csv
import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import tokenizers
import transformers
from transformers import BertTokenizerFast


def read(corpus):
    with gzip.open(corpus / "sst2/train.tsv.gz", "rt", encoding="utf-8", newline="\n") as lines:
        next(lines)
        rows = [line.rstrip("\n").split("\t")[0] for line in lines]
    with gzip.open(corpus / "ag_news/train_subset.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return rows + [f"{title} {description}" for _, title, description in csv.reader(lines)]


def tokenize(tokenizer, rows):
    start = time.perf_counter()
    for first in range(0, len(rows), 1000):
        tokenizer(rows[first:first + 1000], truncation=True, max_length=128)
    return time.perf_counter() - start


def spread(name, values):
    median = statistics.median(values)
    print(f"{name}: median {median:.3f}, range {min(values):.3f}..{max(values):.3f} (n = {len(values)})")


def main():
    corpus, binary = Path(sys.argv[1]), sys.argv[2]
    passes = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    tokenizer = BertTokenizerFast.from_pretrained(corpus / "bert")
    rows = read(corpus)
    tokenize(tokenizer, rows[:5000])
    peer, ours = [], []
    for _ in range(passes):
        ours.append(json.loads(subprocess.run([binary], check=True, capture_output=True, text=True).stdout))
        peer.append(tokenize(tokenizer, rows))
    assert all(one["rows"] == len(rows) for one in ours)
    print(f"{len(rows)} rows, {os.cpu_count()} cores, transformers {transformers.__version__}, "
          f"tokenizers {tokenizers.__version__}")
    for part in ("load", "read", "tokenize", "write", "open"):
        spread(f"aees {part}, s", [one[part] for one in ours])
    written = [one["tokenize"] + one["write"] for one in ours]
    spread("aees tokenize + write, s", written)
    spread("BertTokenizerFast tokenize, s", peer)
    spread("ratio, BertTokenizerFast / aees tokenize + write", [p / o for p, o in zip(peer, written)])
    whole = [one["load"] + one["read"] + one["tokenize"] + one["write"] for one in ours]
    spread("ratio with our loading and reading too", [p / o for p, o in zip(peer, whole)])


if __name__ == "__main__":
    main()
