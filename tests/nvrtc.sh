#!/usr/bin/env bash
# Compiles our own kernels for CUDA by NVRTC, on a machine without a GPU, a driver or a toolkit.
#
#   tests/nvrtc.sh PYTHON [GPUS...]
#
# PYTHON is any Python with NVIDIA's wheels of NVRTC and of the runtime's headers: one with PyTorch for CUDA has both, else
# `pip install nvidia-cuda-nvrtc nvidia-cuda-runtime`. GPUS are architectures: sm_80 and sm_90 by default.
#
# It is no part of .ci/run, which has no such Python.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:?"usage: tests/nvrtc.sh PYTHON [GPUS...]"}
shift
if [ $# -eq 0 ]; then set -- sm_80 sm_90; fi
sources=$PWD/target/cuda-sources
rm -rf "$sources"
mkdir -p "$sources"
cargo run --quiet --manifest-path tests/cuda_source/Cargo.toml --target-dir target/cuda-source -- "$sources"
"$python" tests/support/nvrtc.py "$sources" "$@"
