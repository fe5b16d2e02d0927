import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { initialFeeds, madeUpSteps } from '../../../bench/training.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { DeviceTensors } from '../../../src/runner/compute/c-api/device-tensors.js';
import { cApiEngine } from '../../../src/runner/compute/c-api/engine.js';
import { library } from '../../../src/runner/compute/c-api/library.js';
import type { Engine } from '../../../src/runner/compute/engine.js';
import { RankedSteps } from '../../../src/runner/compute/ranked-steps.js';
import type { Communicator } from '../../../src/runner/ranks/communicator.js';

// The CPU as a device: its tensors are ONNX Runtime's, and have addresses.
const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;
const engine: Engine = { ...cApiEngine, holder: async () => DeviceTensors.open(await library(), cpu) };

const options: TrainingOptions = {
  ...{ model: 'squeezenet1_1', imageSize: 32, batchSize: 4, batchK: 2, classes: 2, featDim: 8, embedDim: 4 },
  ...{ margin: 0.2, nu: 0, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0.5, freezeBn: false },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, optimizer: 'sgd', provider: 'cpu' },
};
const steps = 3;

/** A rank alone, that halves what is to be summed, so that leaving a sum out is seen. */
function talkOf(told: string[]): Communicator {
  const halve = (values: Float32Array) => values.forEach((value, i) => (values[i] = value / 2));
  const nothing = () => Promise.resolve();
  return {
    work: new Int32Array(new SharedArrayBuffer(4)),
    ...{ rank: 0, size: 1, by: 'itself', broadcast: nothing, barrier: nothing, close: nothing },
    allGather: async (mine, all) => all.set(mine),
    allReduce: async (values) => {
      told.push('host');
      halve(values);
    },
    allReduceOnDevice: async ({ address, length }) => {
      told.push('device');
      halve(new Float32Array(koffi.view(address, length * Float32Array.BYTES_PER_ELEMENT)));
    },
  };
}

async function trained(told: string[], onDevice: boolean): Promise<Record<string, Float32Array>> {
  const { allReduceOnDevice, ...talk } = talkOf(told);
  const communicator = onDevice ? { ...talk, allReduceOnDevice } : talk;
  const session = await RankedSteps.open(engine, options, cpu, {}, communicator);
  const held = await engine.holder(cpu);
  const state = initialFeeds(options);
  await held.hold(state);
  await session.run(madeUpSteps(options, steps, new Philox(1, 'sampling')), held);
  const read = await held.read(Object.keys(state));
  await session.release();
  await held.release();
  return read;
}

describe('RankedSteps', () => {
  it('sums the gradient where it lies on the device, after the first step, and comes to the same bits', async () => {
    const [byHost, byDevice]: [string[], string[]] = [[], []];
    const expected = await trained(byHost, false);
    expect(byHost).toEqual(['host', 'host', 'host']);
    expect(await trained(byDevice, true)).toEqual(expected);
    expect(byDevice).toEqual(['host', 'device', 'device']);
  });
});
