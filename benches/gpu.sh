#!/usr/bin/env bash
# Everything that a GPU has to show, in one table: parity first, then memory over 10,000 steps, then steps a second of every
# engine and precision, beside PyTorch where a Python is named. Under eight minutes after the build.
#
#   benches/gpu.sh [PYTHON]
#
# PYTHON has torch, torchvision and transformers (docs/bench.md). DEVICE is cuda:0 unless it says otherwise; FEATURES are what
# is built (cuda; cuda-nvrtc or libtorch beside it). AEES names a program that is built already: then only it is measured.
# STEPS, LONG_STEPS and WIDTHS make it shorter. It has not been run on a GPU yet.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-}
device=${DEVICE:-cuda:0}
features=${FEATURES:-cuda}
steps=${STEPS:-300}
long=${LONG_STEPS:-10000}
widths=${WIDTHS:-16 64}
out=$PWD/target/gpu-bench
mkdir -p "$out"
rm -f "$out"/*.json
failed=0

if [ -z "${AEES:-}" ]; then
    cargo build --release --features "$features"
    cargo test --release -p aees-train --features "${features//cuda-nvrtc/cuda}" --test main --no-run
    AEES=$PWD/target/release/aees
    SECONDS=0
    echo "== parity on $device"
    AEES_TEST_DEVICE=$device cargo test --release -p aees-train --features "${features//cuda-nvrtc/cuda}" --test main -- \
        --test-threads 1 burn:: engine:: || failed=1
    case $features in
    *libtorch*)
        echo "== parity of recorded steps"
        AEES_CUDA_GRAPHS=1 AEES_TEST_DEVICE=$device cargo test --release -p aees-train --features "${features//cuda-nvrtc/cuda}" --test main -- \
            --test-threads 1 engine:: || failed=1
        ;;
    esac
fi
if [ $failed -ne 0 ]; then
    echo "the engines do not agree on $device: what they cost does not matter" >&2
    exit 1
fi

# One line of JSON into FILE; a refusal is told and does not end the script.
measure() {
    local file=$1
    shift
    if ! "$AEES" bench train "$@" --device="$device" --json >"$file" 2>"$file.err"; then
        echo "$*: $(head -n 1 "$file.err")"
        rm -f "$file"
    fi
    rm -f "$file.err"
}

# A number of a line of JSON.
number() { sed -n "s/.*\"$2\": *\([0-9.eE+-]*\).*/\1/p" "$1" | head -n 1; }

echo "== memory, $((long / 10)) against $long steps"
for count in $((long / 10)) "$long"; do
    measure "$out/memory-$count.json" cifar100 --model-width=8 --batch-size=32 --steps="$count"
done
for key in peak_device_mb peak_rss_mb; do
    short=$(number "$out/memory-$((long / 10)).json" $key)
    whole=$(number "$out/memory-$long.json" $key)
    echo "$key: ${short:-?} MB, then ${whole:-?} MB"
    # A leak of a kilobyte a step is ten megabytes.
    if [ -n "$short" ] && [ -n "$whole" ] && ! awk "BEGIN { exit !($whole < 1.05 * $short + 8) }"; then
        echo "it grows" >&2
        failed=1
    fi
done
rm -f "$out"/memory-*.json

echo "== steps"
cases() { for width in $widths; do echo "cifar100 --model-width=$width --batch-size=128"; done; echo "sst2 --batch-size=32"; }
label() { echo "$1" | sed 's/ --batch-size=.*//; s/ --model-width=/-/'; }
while read -r words; do
    for engine in burn libtorch; do
        for precision in f32 tf32 bf16; do
            # shellcheck disable=SC2086
            measure "$out/$(label "$words")-$engine-$precision.json" $words \
                --engine=$engine --precision=$precision --steps="$steps" --warmup=50
        done
    done
    # Steps that are recorded once as a CUDA graph and replayed.
    # shellcheck disable=SC2086
    AEES_CUDA_GRAPHS=1 measure "$out/$(label "$words")-libtorch-bf16-recorded.json" $words \
        --engine=libtorch --precision=bf16 --steps="$steps" --warmup=50
done < <(cases)

printf '\n| case | median step, s | steps a second | launches a step | uploads a step | device memory, MB |\n|---|---|---|---|---|---|\n'
for file in "$out"/*.json; do
    [ -e "$file" ] || continue
    median=$(number "$file" median_step_s)
    rate=$(awk "BEGIN { if (\"$median\" + 0 > 0) printf \"%.1f\", 1 / \"$median\" }")
    echo "| $(basename "$file" .json) | $median | $rate | $(number "$file" launches_per_step) | $(number "$file" uploads_per_step) | $(number "$file" peak_device_mb) |"
done

# In turn with PyTorch: its time over that of the engine that is taken by default.
if [ -n "$python" ]; then
    while read -r words; do
        # shellcheck disable=SC2086
        "$AEES" bench train $words --device="$device" --steps="$steps" --warmup=50 \
            --peer="$python" --against=plain,best,bf16 --rounds=2 || failed=1
    done < <(cases)
fi
printf '\n%s, %s s\n' "$("$AEES" --version)" "$SECONDS"
exit $failed
