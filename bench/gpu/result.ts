/** The JSON file that `bench/gpu.sh` writes. */
import type { Check, Checked } from '../../src/runner/base/shape.js';
import { count, fields, listOf, mapOf, number, oneOf, optional, orNull, text } from '../../src/runner/base/shape.js';
import { products } from './convolutions.js';

/** What went wrong in place of a part's result. */
const failed = fields({ error: text });

const orFailed =
  <T>(inner: Check<T>): Check<T | Checked<typeof failed>> =>
  (value, where) =>
    typeof value === 'object' && value !== null && 'error' in value ? failed(value, where) : inner(value, where);

const timing = fields({
  step_s: number,
  min_s: number,
  max_s: number,
  images_per_s: number,
  peak_mib: number,
  /** Of the whole GPU, by nvidia-smi. */
  gpu_peak_mib: orNull(number),
});

const node = fields({ name: text, op: text });

export const gpuResult = fields({
  device: text,
  threads: count,
  node: text,
  gpu: text,
  batch: count,
  size: count,
  /** Of resnet50's convolutions. */
  plans: orFailed(
    fields({
      failed: count,
      products: listOf(
        fields({
          ...{ layer: text, layers: count, product: oneOf(...products), x: listOf(count), operators: listOf(text) },
          ...{ ms: optional(number), error: optional(text) },
        }),
      ),
    }),
  ),
  /** By file of reference values. */
  parity: mapOf(
    orFailed(
      fields({
        groups: listOf(fields({ group: text, checked: count, worst: text, ratio: number })),
        above: count,
      }),
    ),
  ),
  loop: orFailed(
    fields({
      losses: listOf(number),
      cpu_losses: listOf(number),
      largest_relative_difference: fields({ first_10: number, all: number }),
      nodes: mapOf(count),
      left_to_cpu: listOf(node),
      copies: count,
    }),
  ),
  /** By model, and by tool and setting. */
  steps: mapOf(mapOf(orFailed(timing))),
  /** Names of the parts that failed. */
  failures: listOf(text),
  seconds: count,
});

export type GpuResult = Checked<typeof gpuResult>;

/** The settings that PyTorch is timed with. */
export const peerSettings: Readonly<Record<string, readonly string[]>> = {
  'PyTorch TF32': ['--tf32'],
  'PyTorch AMP': ['--tf32', '--amp'],
  'PyTorch AMP channels-last': ['--tf32', '--amp', '--channels-last'],
};
