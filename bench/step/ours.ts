/**
 * One process of the step benchmark: times `train_loop.onnx` on made-up data, prints one line of JSON like the peer's.
 *
 *     tsx bench/step/ours.ts --model resnet50 --batch 20 --size 224 --steps 5 [--micro-batch 5]
 */
import ort from 'onnxruntime-node';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { OptimizerName, Provider } from '../../src/graph/options.js';
import { Philox } from '../../src/graph/state/philox.js';
import { chooseEngine } from '../../src/runner/compute/engines.js';
import { openTrainLoop } from '../../src/runner/compute/train-loop.js';
import { packageJson } from '../../src/runner/base/package-json.js';
import { benchOptions, initialFeeds, madeUpSteps } from '../training.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'resnet50' },
    batch: { type: 'string', default: '20' },
    k: { type: 'string', default: '5' },
    size: { type: 'string', default: '224' },
    steps: { type: 'string', default: '5' },
    'steps-per-run': { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    device: { type: 'string', default: 'cpu' },
    optimizer: { type: 'string', default: 'sgd' },
    'micro-batch': { type: 'string' },
  },
});
const [batchSize, batchK, imageSize, wanted] = [values.batch, values.k, values.size, values.steps].map(Number) as [
  number,
  number,
  number,
  number,
];
const options = {
  ...benchOptions({
    model: values.model,
    imageSize,
    batchSize,
    batchK,
    classes: batchSize / batchK,
    optimizer: values.optimizer as OptimizerName,
    provider: values.device as Provider,
  }),
  ...(values['micro-batch'] !== undefined && { microBatch: Number(values['micro-batch']) }),
};

const opening = performance.now();
const device = { device: options.provider, deviceId: 0, threads: Number(values.threads) };
const { engine } = await chooseEngine(device);
const session = await openTrainLoop(engine, options, device, {});
const held = await engine.holder(device);
await held.hold(initialFeeds(options));
const sessionSeconds = (performance.now() - opening) / 1000;

const random = new Philox(0, 'sampling');
let loss = NaN;
async function run(steps: number): Promise<number> {
  const feeds = madeUpSteps(options, steps, random);
  const start = performance.now();
  const out = await session.run(feeds, held);
  const seconds = (performance.now() - start) / 1000 / steps;
  loss = (out['losses']!.data as Float32Array).at(-1)!;
  return seconds;
}

// The first run touches memory for the first time; the second is the measure for how many steps fit into a second.
await run(1);
const second = await run(1);
const stepsPerRun = Number(values['steps-per-run'] ?? Math.max(1, Math.round(1 / second)));
if (stepsPerRun > 1) await run(stepsPerRun);
// Steps of minutes are not taken for nothing: a run of one step has been measured already.
const times: number[] = stepsPerRun > 1 ? [] : [second];
while (times.length * stepsPerRun < wanted) times.push(await run(stepsPerRun));
times.sort((a, b) => a - b);
const median = times[Math.floor(times.length / 2)]!;
const rounded = (x: number) => Number(x.toFixed(5));
console.log(
  JSON.stringify({
    tool: `dws ${packageJson().version} on onnxruntime-node ${ort.env.versions.node}, ${engine.name}`,
    model: options.model,
    batch: batchSize,
    size: imageSize,
    ...(values['micro-batch'] !== undefined && { micro_batch: Number(values['micro-batch']) }),
    device: values.device,
    steps_per_run: stepsPerRun,
    session_s: rounded(sessionSeconds),
    step_s: rounded(median),
    min_s: rounded(times[0]!),
    max_s: rounded(times.at(-1)!),
    images_per_s: rounded(batchSize / median),
    peak_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    loss,
  }),
);
