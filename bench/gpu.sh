#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show, in under 8 minutes and one JSON file (bench/results/gpu.json, of the schema
# in bench/gpu/result.ts): whether cuDNN has a plan for each convolution of resnet50 and how long each takes, parity of the reference values
# on CUDA, 50 steps of the training loop beside the CPU's, the nodes that ONNX Runtime left to the CPU, and step time and memory beside
# PyTorch with TF32, AMP, and AMP in channels-last. Arguments go to bench/gpu/main.ts, for example
#
#   bash bench/gpu.sh --peer .gpu/a/torch_step.py
#   bash bench/gpu.sh --device cpu --batch 10 --size 32 --loop-steps 5 --out /tmp/gpu.json     # tried without a GPU
#
# Exit code 1 when a reference value is missed, or a part of it fails. The project must be built for it: npx tsc -p tsconfig.bench.json
# (done here when the compiler is installed). Where it is brought from another machine: build/, package.json, test/golden/ (or the folder
# that --golden names), node_modules/ without the tools for development (onnxruntime-node with its CUDA provider, koffi, sharp, ...), and the
# peer that --peer names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -f node_modules/typescript/bin/tsc ]]; then
  node node_modules/typescript/bin/tsc -p tsconfig.bench.json
fi
[[ -f build/bench/gpu/main.js ]] || { echo "build/ is missing: run 'npx tsc -p tsconfig.bench.json' where TypeScript is installed" >&2; exit 1; }
cp package.json build/ # the built program reads its version there
mkdir -p bench/results
NVIDIA_TF32_OVERRIDE=0 exec node build/bench/gpu/main.js "$@"
