/**
 * npm run bench -- cuda --lacks
 * npm run bench -- cuda --nccl
 * npm run bench -- cuda [--models resnet18,...] [--optimizers sgd,adam] [--feat-dim 512] [--size 224] [--batch 80] [--tf32 on] [--deterministic] [--precision fp16] [--micro-batch 20]
 *
 * Trainings on a pretend device: the stock ONNX Runtime and its real CUDA provider, on libraries of our own in place of CUDA's, cuBLAS's
 * and cuDNN's, which do nothing and write down what they are asked for. So what it tells needs no GPU: nodes left to the CPU, copies,
 * launches, waits and the host's own time; not results, not a GPU's time, not whether cuDNN has a plan. Linux on x64, with gcc.
 *
 * Prints Markdown; exit code 1 when a bound does not hold.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { backbones } from '../../src/graph/models/index.js';
import { piecesOfRows } from '../../src/graph/operators/scatter-rows.js';
import type { OptimizerName, Precision, TrainingOptions } from '../../src/graph/options.js';
import { benchOptions } from '../training.js';
import type { Counts } from './log.js';
import { countsAfterMarks, perStep, placements } from './log.js';
import type { PretendDevice } from './setup.js';
import { playLacks } from './lacks.js';
import { playNccl } from './nccl.js';
import { setUpPretendDevice } from './setup.js';
import type { Traced } from './runs.js';
import { runs } from './runs.js';

const child = fileURLToPath(new URL('trace.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

interface Step extends Counts {
  /** Nodes of the Loop that ONNX Runtime placed on the CPU. */
  onCpu: string[];
  /** Copied to the device beyond what the step is given. */
  tables: number;
  /** Of the host, from run to run of the same session. */
  milliseconds: number;
  /** What a run copies beside its steps, there and back: what converts the state, which stays on the device. */
  perRun: number;
  /** What an evaluated batch copies beside its images and embeddings. */
  perBatch: number;
}

interface Run {
  tf32: string;
  /** Of the Loops inside of a step: two over pieces of a batch, the search for negatives that goes with them, and two that add up many rows. */
  trips: number;
}

/** What has to hold, and the words for it. */
const bounds: readonly (readonly [what: string, holds: (step: Step, run: Run) => boolean])[] = [
  ['nodes of the loop on the CPU', ({ onCpu }) => onCpu.length === 0],
  ['more than 1 MB copied beside the inputs', ({ tables }) => tables <= 1e6],
  ['more than one wait a step and trip of a Loop', ({ synchronizations }, { trips }) => synchronizations <= 1 + trips],
  ['more than 64 MB copied a run beside its steps', ({ perRun }) => perRun <= 64e6],
  ['more than 8 MB copied a batch of an evaluation', ({ perBatch }) => perBatch <= 8e6],
  ['products that TF32 rounds, or none where it is on', ({ rounded }, { tf32 }) => rounded > 0 === (tf32 === 'on')],
  ['launches that no device takes', ({ impossible }) => impossible.length === 0],
];

async function traced(device: PretendDevice, options: TrainingOptions, tf32: string): Promise<Step> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-cuda-'));
  const log = path.join(folder, 'log');
  const env = { ...process.env, LD_LIBRARY_PATH: device.libraries, PRETEND_CUDA_LOG: log };
  const args = ['--import', 'tsx', child, device.onnxruntime, device.libraries, JSON.stringify(options), tf32];
  try {
    const output = await promisify(execFile)(process.execPath, args, { cwd: root, env, maxBuffer: 2 ** 28 });
    const { inputBytes, batchBytes, milliseconds } = JSON.parse(output.stdout) as Traced;
    const lines = await readFile(log, 'utf8');
    const [, few, many] = countsAfterMarks(lines, 'run') as [Counts, Counts, Counts];
    const batch = countsAfterMarks(lines, 'evaluate').at(-1)!;
    const more = runs[2] - runs[1];
    const step = perStep(few, many, more);
    return {
      ...step,
      onCpu: (placements(output.stderr)['CPUExecutionProvider'] ?? []).filter((node) => node.includes('Loop/')),
      tables: step.toDevice - inputBytes,
      milliseconds: (milliseconds[2]! - milliseconds[1]!) / more,
      perRun: few.toDevice + few.toHost - runs[1] * (step.toDevice + step.toHost),
      perBatch: batch.toDevice - batchBytes + batch.toHost - 4 * options.batchSize * options.embedDim,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

export async function benchCuda(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string', default: Object.keys(backbones).join() },
      optimizers: { type: 'string', default: 'sgd,adam' },
      'feat-dim': { type: 'string', default: '512' },
      size: { type: 'string' },
      batch: { type: 'string', default: '80' },
      tf32: { type: 'string', default: 'on' },
      deterministic: { type: 'boolean', default: false },
      precision: { type: 'string', default: 'fp32' },
      'micro-batch': { type: 'string' },
      lacks: { type: 'boolean', default: false },
      nccl: { type: 'boolean', default: false },
    },
  });
  if (values.lacks) return playLacks();
  if (values.nccl) return playNccl();
  const device = await setUpPretendDevice();
  const [batchSize, featDim] = [Number(values.batch), Number(values['feat-dim'])];
  const broken: string[] = [];
  console.log(`batch ${batchSize}, --feat-dim ${featDim}; a step:\n`);
  console.log(
    '| model | optimizer | nodes on the CPU | tables, MB | launches | cuBLAS, cuDNN | waits | host, ms | a run besides, MB | an evaluated batch, MB |',
  );
  console.log('|---|---|---:|---:|---:|---:|---:|---:|---:|---:|');
  for (const model of values.models.split(','))
    for (const optimizer of values.optimizers.split(',') as OptimizerName[]) {
      const imageSize = Number(values.size ?? (model === 'inception_v3' ? 299 : 224));
      const sizes = { imageSize, batchSize, batchK: 5, classes: 100 };
      const options = {
        ...benchOptions({ model, optimizer, provider: 'cuda', ...sizes }),
        featDim,
        deterministic: values.deterministic,
        precision: values.precision as Precision,
        ...(values['micro-batch'] !== undefined && { microBatch: Number(values['micro-batch']) }),
      };
      const step = await traced(device, options, values.tf32);
      const cells = [
        ...[model, optimizer, step.onCpu.length, megabytes(step.tables), step.launches, step.libraryCalls],
        ...[step.synchronizations, step.milliseconds.toFixed(1)],
        ...[megabytes(step.perRun), megabytes(step.perBatch)],
      ];
      console.log(`| ${cells.join(' | ')} |`);
      const { microBatch }: TrainingOptions = options;
      const divided =
        microBatch === undefined ? 0 : 2 * Math.floor(batchSize / microBatch) + Math.ceil(Math.log2(batchSize));
      const pieces = piecesOfRows(batchSize, batchSize * (sizes.batchK - 1));
      const run = { tf32: values.tf32, trips: divided + (pieces > 1 ? 2 * pieces : 0) };
      for (const [what, holds] of bounds) if (!holds(step, run)) broken.push(`${model}, ${optimizer}: ${what}`);
      for (const detail of [...step.onCpu, ...step.impossible].slice(0, 3)) console.log(`<!-- ${detail} -->`);
    }
  if (broken.length > 0) throw new Error(`bounds that do not hold:\n  ${broken.join('\n  ')}`);
}
