#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show, in under 8 minutes and one JSON file (bench/results/gpu.json):
# parity of the reference values on CUDA, 50 steps of the training loop beside the CPU's, the nodes that ONNX Runtime left
# to the CPU, and step time and memory beside PyTorch. Arguments go to bench/gpu/main.ts, for example
#
#   bash bench/gpu.sh --peer .gpu/a/torch_step.py
#   bash bench/gpu.sh --device cpu --batch 10 --size 32 --loop-steps 5 --out /tmp/gpu.json     # tried without a GPU
#
# The project must be built for it: npx tsc -p tsconfig.bench.json (done here when the compiler is installed).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -f node_modules/typescript/bin/tsc ]]; then
  node node_modules/typescript/bin/tsc -p tsconfig.bench.json
  cp package.json build/ # the built program reads its version there
fi
[[ -f build/bench/gpu/main.js ]] || { echo "build/ is missing: run 'npx tsc -p tsconfig.bench.json' where TypeScript is installed" >&2; exit 1; }
mkdir -p bench/results
NVIDIA_TF32_OVERRIDE=0 exec node build/bench/gpu/main.js "$@"
