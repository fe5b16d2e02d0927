/**
 * Child of `bench -- cuda`: runs a training on the pretend device.
 *
 *   trace.ts FOLDER LIBRARIES OPTIONS TF32
 *
 * with ONNX Runtime in FOLDER, the device's libraries in LIBRARIES and a training's options as JSON. Marks in the device's log where each
 * run of steps and each evaluated batch begins; prints what their inputs hold, in bytes, and the time of each run.
 */
import path from 'node:path';
import koffi from 'koffi';
import { buildEvalModel, buildTrainLoop } from '../../src/graph/artifacts/artifacts.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { Philox } from '../../src/graph/state/philox.js';
import type { PlainTensor, PlainTensors } from '../../src/runner/compute/engine.js';
import { DeviceTensors } from '../../src/runner/compute/c-api/device-tensors.js';
import { loadLibrary } from '../../src/runner/compute/c-api/library.js';
import { openSession } from '../../src/runner/compute/c-api/session.js';
import type { Traced } from './runs.js';
import { batches, runs } from './runs.js';
import type { Tf32 } from '../../src/runner/options/run-options.js';
import { initialFeeds, madeUpSteps } from '../training.js';

/** Zeros for as many steps: nothing is computed of them. */
function repeated(one: PlainTensors, steps: number): PlainTensors {
  const tensors = Object.entries(one).map(([name, { data, dims }]): [string, PlainTensor] => {
    const array = data.constructor as new (length: number) => PlainTensor['data'];
    return [name, { data: new array(steps * data.length), dims: [steps, ...dims.slice(1)] }];
  });
  return Object.fromEntries(tensors);
}

async function trace(folder: string, libraries: string, options: TrainingOptions, tf32: Tf32): Promise<Traced> {
  const library = await loadLibrary(folder);
  const handle = koffi.load(path.join(libraries, 'libcudart.so.13'));
  const mark = handle.func('void pretend_mark(const char *)');
  mark('open');
  const device = { device: 'cuda', deviceId: 0, threads: 1, tf32, deterministic: options.deterministic } as const;
  const session = await openSession(library, buildTrainLoop(options), device, { logSeverityLevel: 0 });
  mark('state');
  const held = await DeviceTensors.open(library, device);
  await held.hold(initialFeeds(options));
  const milliseconds: number[] = [];
  const one = madeUpSteps(options, 1, new Philox(0, 'sampling'));
  for (const steps of runs) {
    const given = repeated(one, steps);
    mark('run');
    const started = performance.now();
    await session.run(given, held);
    milliseconds.push(performance.now() - started);
  }
  mark('end');
  await session.release();
  const evaluation = await openSession(library, buildEvalModel(options), device);
  const { batchSize, imageSize } = options;
  const images = { data: new Uint8Array(batchSize * imageSize ** 2 * 3), dims: [batchSize, imageSize, imageSize, 3] };
  for (let batch = 0; batch < batches; batch++) {
    mark('evaluate');
    await evaluation.run({ images }, held);
  }
  mark('end');
  await evaluation.release();
  await held.release();
  handle.unload();
  const inputBytes = Object.values(one).reduce((sum, { data }) => sum + data.byteLength, 0);
  return { inputBytes, batchBytes: images.data.byteLength, milliseconds };
}

const [folder, libraries, options, tf32] = process.argv.slice(2) as [string, string, string, Tf32];
console.log(JSON.stringify(await trace(folder, libraries, JSON.parse(options) as TrainingOptions, tf32)));
