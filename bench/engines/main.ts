/**
 * npm run bench -- engines [--bits-only] [--rounds 3]
 *
 * The two ways to ONNX Runtime, its C API and onnxruntime-node's binding: whether trainings come out the same to the bit, and the time
 * a step takes, in turn and in processes of their own.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Philox } from '../../src/graph/state/philox.js';
import type { OptimizerName } from '../../src/graph/options.js';
import { bindingEngine } from '../../src/runner/compute/binding-engine.js';
import { cApiEngine } from '../../src/runner/compute/c-api/engine.js';
import type { Engine } from '../../src/runner/compute/engine.js';
import { engineVariable } from '../../src/runner/compute/engines.js';
import { openTrainLoop } from '../../src/runner/compute/train-loop.js';
import type { Timing } from '../step/main.js';
import { median, timeOurs } from '../step/main.js';
import { benchOptions, initialFeeds, madeUpSteps } from '../training.js';

const steps = 20;
const stepsPerRun = 4;

/** Hash of the losses of 20 steps, and of the state after them. */
async function trained(engine: Engine, model: string, optimizer: OptimizerName): Promise<string> {
  const sizes = { imageSize: 64, batchSize: 8, batchK: 4, classes: 2 };
  const options = benchOptions({ model, optimizer, provider: 'cpu', ...sizes });
  const device = { device: 'cpu', deviceId: 0, threads: 2 } as const;
  const session = await openTrainLoop(engine, options, device, {});
  const state = initialFeeds(options);
  const held = await engine.holder(device);
  await held.hold(state);
  const random = new Philox(0, 'sampling');
  const hash = createHash('sha256');
  for (let step = 0; step < steps; step += stepsPerRun) {
    const outputs = await session.run(madeUpSteps(options, stepsPerRun, random), held);
    for (const name of Object.keys(outputs).sort()) hash.update(outputs[name]!.data);
  }
  await session.release();
  const after = await held.read(Object.keys(state).sort());
  for (const vector of Object.values(after)) hash.update(vector);
  await held.release();
  return hash.digest('hex');
}

async function compareBits(): Promise<boolean> {
  let same = true;
  for (const model of ['resnet18', 'vgg11'])
    for (const optimizer of ['sgd', 'adam'] as const) {
      const hashes: string[] = [];
      for (const engine of [bindingEngine, cApiEngine]) hashes.push(await trained(engine, model, optimizer));
      const isSame = hashes[0] === hashes[1];
      same &&= isSame;
      const verdict = isSame ? `the same bits (${hashes[0]!.slice(0, 12)})` : 'DIFFERENT BITS';
      console.log(`${model}, ${optimizer}, ${steps} steps: ${verdict}`);
    }
  return same;
}

/** What is timed: steps whose copies matter, by their number or by their size. */
const timed: readonly (readonly [model: string, optimizer: string, size: number, batch: number, steps: number])[] = [
  ['resnet18', 'sgd', 32, 10, 60],
  ['resnet18', 'adam', 32, 10, 60],
  ['vgg16', 'sgd', 32, 10, 6],
  ['vgg16', 'sgd', 224, 10, 2],
];

async function compareTimes(rounds: number): Promise<void> {
  console.log(
    '\n| model | optimizer | px | batch | binding, s a step | C API, s a step | ratio | MiB, binding | MiB, C API |',
  );
  console.log('|---|---|---:|---:|---:|---:|---:|---:|---:|');
  for (const [model, optimizer, size, batch, steps] of timed) {
    const args = Object.entries({ model, optimizer, size, batch, steps, 'steps-per-run': 1 });
    const measure = (engine: string) =>
      timeOurs(
        args.flatMap(([name, value]) => [`--${name}`, String(value)]),
        { [engineVariable]: engine },
      );
    const pairs: (readonly [Timing, Timing])[] = [];
    for (let round = 0; round < rounds; round++)
      pairs.push([await measure('binding'), await measure('c-api')] as const);
    const [binding, cApi] = ([0, 1] as const).map((side) => median(pairs.map((pair) => pair[side].step_s)));
    const ratio = median(pairs.map(([before, after]) => after.step_s / before.step_s));
    const [mibBefore, mibAfter] = ([0, 1] as const).map((side) => median(pairs.map((pair) => pair[side].peak_mib)));
    const cells = [
      model,
      optimizer,
      size,
      batch,
      binding!.toFixed(4),
      cApi!.toFixed(4),
      ratio.toFixed(2),
      mibBefore,
      mibAfter,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

export async function benchEngines(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '3' }, 'bits-only': { type: 'boolean', default: false } },
  });
  const same = await compareBits();
  if (!values['bits-only']) await compareTimes(Number(values.rounds));
  if (!same) throw new Error('the two engines do not come out the same');
}
