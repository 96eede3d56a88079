#!/usr/bin/env bash
# packaging/test_wheel.sh [PROFILE]: builds the wheel by pyproject.toml, as `pip install .` does, installs it where nothing else is, and
# trains with it; looks whether the source distribution is whole. Cargo's PROFILE is `release`; CI says `dev`, which it has compiled.
# It needs Python 3 with venv and a package index; where these are missing it says so and ends well, unless AEES_REQUIRE names `wheel`.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1-release}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skip() {
    echo "skipped: $1" >&2
    case ",${AEES_REQUIRE-}," in *,wheel,*) exit 1 ;; *) exit 0 ;; esac
}

command -v python3 >/dev/null || skip "there is no python3 here"
python3 -m venv "$scratch/build" 2>"$scratch/log" || skip "python3 has no venv (Debian: apt-get install python3-venv)"
maturin=$(sed -n 's/^requires = \["\(.*\)"\]$/\1/p' pyproject.toml)
"$scratch/build/bin/pip" install --quiet "$maturin" 2>"$scratch/log" || skip "$maturin cannot be had: $(tail -1 "$scratch/log")"
export PATH="$scratch/build/bin:$PATH"

maturin sdist --out "$scratch" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
tar --extract --file "$scratch"/aees-*.tar.gz --directory "$scratch"
cargo metadata --locked --format-version 1 --manifest-path "$scratch"/aees-*/Cargo.toml >/dev/null

MATURIN_PEP517_ARGS="--profile $profile" pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$scratch/wheel" .
python3 -m venv "$scratch/clean"
cd "$scratch"
clean/bin/pip install --quiet --no-index wheel/aees-*.whl
[ "$(clean/bin/aees -V)" = "aees $(clean/bin/python -c 'import importlib.metadata as m; print(m.version("aees"))')" ]
clean/bin/python - <<'PYTHON'
import importlib.metadata

metadata = importlib.metadata.metadata("aees")
assert metadata["License-Expression"] == "MIT OR Apache-2.0", metadata
assert metadata["Requires-Dist"] is None and metadata["Description-Content-Type"].startswith("text/markdown"), metadata
names = [path.name for path in importlib.metadata.files("aees")]
assert {"LICENSE-MIT", "LICENSE-APACHE", "LICENSE"} <= set(names), names
PYTHON
clean/bin/aees train cifar100 --data synthetic --model-width 2 --limit-train 200 --limit-eval 100 --batch-size 50 --epochs 1 \
    --run-dir run --progress none >/dev/null
test -s run/result.json
echo "the wheel is whole: $(cd wheel && ls)"
