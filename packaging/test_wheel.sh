#!/usr/bin/env bash
# packaging/test_wheel.sh: builds the wheel as `pip install .` does, installs it where nothing else is, and runs the program.
# It needs Python 3 with venv, and a package index (or maturin on the path); where these are missing it says so and ends well,
# unless AEES_REQUIRE names `wheel`.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skip() {
    echo "skipped: $1" >&2
    case ",${AEES_REQUIRE-}," in *,wheel,*) exit 1 ;; *) exit 0 ;; esac
}

command -v python3 >/dev/null || skip "there is no python3 here"
if ! command -v maturin >/dev/null; then
    python3 -m venv "$scratch/build" 2>"$scratch/log" || skip "python3 has no venv (Debian: apt-get install python3-venv)"
    "$scratch/build/bin/pip" install --quiet "maturin>=1.9,<2" 2>"$scratch/log" || skip "maturin cannot be installed: $(tail -1 "$scratch/log")"
    export PATH="$scratch/build/bin:$PATH"
fi
maturin build --release --locked --quiet --out "$scratch/wheel"

python3 -m venv "$scratch/clean"
"$scratch/clean/bin/pip" install --quiet --no-index "$scratch"/wheel/aees-*.whl
cd "$scratch"
[ "$(clean/bin/aees -V)" = "aees $(clean/bin/python -c 'import importlib.metadata as m; print(m.version("aees"))')" ]
clean/bin/python - <<'PYTHON'
import importlib.metadata

metadata = importlib.metadata.metadata("aees")
assert metadata["License-Expression"] == "MIT OR Apache-2.0", metadata
names = [path.name for path in importlib.metadata.files("aees")]
assert {"LICENSE-MIT", "LICENSE-APACHE"} <= set(names), names
PYTHON
clean/bin/aees train cifar100 --data synthetic --model-width 2 --limit-train 200 --limit-eval 100 --batch-size 50 --epochs 1 \
    --run-dir run --progress none >/dev/null
test -s run/result.json
echo "the wheel is whole: $(cd wheel && ls)"
