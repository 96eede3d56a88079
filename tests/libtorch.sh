#!/usr/bin/env bash
# Tests the engine on libtorch, on the CPU: the suite that every engine passes, and runs through the program. It is not part of CI, because
# libtorch is a download of gigabytes. LIBTORCH names an installed one; without it, one is installed under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${LIBTORCH:-}" ]; then
    python=target/libtorch/bin/python
    [ -x "$python" ] || python3 -m venv target/libtorch
    "$python" -m pip install --quiet torch==2.13.0
    LIBTORCH=$("$python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')
    export LIBTORCH
fi
cargo test --workspace --features libtorch --lib --test main -- libtorch engine:: "$@"
