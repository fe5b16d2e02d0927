/**
 * Ranks that have trained apart come to one state (local SGD; Stich, ICLR 2019, "Local SGD Converges Fast and Communicates Little"): parameters,
 * running statistics, and what optimizers keep become their means over the ranks.
 */
import { lossScale } from '../../graph/parts/state.js';
import type { NamedShape } from '../../graph/state/state.js';
import type { Communicator } from '../ranks/communicator.js';
import type { HeldTensors, PlainTensor, PlainTensors } from './engine.js';

/** Whether the mean over ranks is no use: a scale that one of them has found too large is too large. */
const takesLeast = (name: string): boolean => name === lossScale || name === `${lossScale}s`;

/** Element by element, in place. */
async function takeLeast(communicator: Communicator, values: Float32Array): Promise<void> {
  const all = new Float32Array(values.length * communicator.size);
  await communicator.allGather(values, all);
  all.forEach((value, i) => (values[i % values.length] = Math.min(values[i % values.length]!, value)));
}

const agree = (communicator: Communicator, name: string, values: Float32Array): Promise<void> =>
  takesLeast(name) ? takeLeast(communicator, values) : communicator.allReduce(values, 'mean');

/**
 * Every rank calls it, after as many steps. One tensor after another, so that it takes no more memory than the largest; after a failure, some
 * are those of all ranks and others are not.
 *
 * @param state the tensors that are held, float32
 * @param outputs of the steps since they met, a row a step
 * @returns their means over the ranks, float32: NaN where one of them has it
 */
export async function meet(
  communicator: Communicator,
  held: HeldTensors,
  state: readonly NamedShape[],
  outputs: PlainTensors,
): Promise<PlainTensors> {
  for (const { name, shape } of state) {
    const values = (await held.read([name]))[name]!;
    await agree(communicator, name, values);
    await held.hold({ [name]: { data: values, dims: [...shape] } });
  }
  const told: [string, PlainTensor][] = [];
  for (const [name, { data, dims }] of Object.entries(outputs)) {
    const values = Float32Array.from(data);
    await agree(communicator, name, values);
    told.push([name, { data: values, dims }]);
  }
  return Object.fromEntries(told);
}
