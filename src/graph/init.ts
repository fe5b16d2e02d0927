/** Initial training state, the same on every machine for one seed. */
import { describeNetwork } from './flat.js';
import type { TrainingOptions } from './options.js';
import { Philox } from './philox.js';
import type { Init, NetworkLayout, TensorSpec, TrainingState } from './state.js';
import { elementCount, stateTensors } from './state.js';

/** One draw of a distribution from a random stream. */
const draws: { [K in Init['kind']]: (init: Extract<Init, { kind: K }>, random: Philox) => number } = {
  constant: ({ value }) => value,
  normal: ({ std }, random) => std * random.normal(),
  uniform: ({ bound }, random) => bound * (2 * random.unit() - 1),
  'truncated-normal': ({ std, bound }, random) => {
    for (;;) {
      const value = std * random.normal();
      if (Math.abs(value) <= bound) return value;
    }
  },
};

/** Fills each tensor from a stream of its own, so that one tensor's values do not depend on the others' sizes. */
export function initialTensors(specs: readonly TensorSpec[], seed: number): Float32Array {
  const flat = new Float32Array(specs.reduce((n, { shape }) => n + elementCount(shape), 0));
  let offset = 0;
  specs.forEach(({ shape, init }, index) => {
    const random = new Philox(seed, 'init', index);
    const draw = draws[init.kind] as (init: Init, random: Philox) => number;
    const end = offset + elementCount(shape);
    for (; offset < end; offset++) flat[offset] = draw(init, random);
  });
  return flat;
}

/** Parameters as torchvision initializes them, running statistics 0 and 1, beta constant, optimizer vectors 0. */
export function initialState(
  options: TrainingOptions,
  seed: number,
  layout: NetworkLayout = describeNetwork(options),
): TrainingState {
  const tensors = stateTensors(layout, options.optimizer, options.classes);
  const zeros = Object.fromEntries(tensors.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
  return {
    ...zeros,
    params: initialTensors(layout.params, seed),
    buffers: initialTensors(layout.buffers, seed),
    beta: zeros['beta']!.fill(options.beta),
  };
}
