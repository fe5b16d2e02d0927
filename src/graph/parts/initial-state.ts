/** The state that a training begins with. */
import { elementCount } from '../onnx/types.js';
import { initialTensors } from '../state/init.js';
import type { NetworkLayout, TrainingState } from '../state/state.js';
import type { StateParts } from './state.js';
import { firstScale, lossScale, stateTensors } from './state.js';

/** Parameters as their layers and losses say, running statistics 0 and 1, what optimizers keep 0; a pure function of the seed. */
export function beginState(layout: NetworkLayout, parts: StateParts, seed: number): TrainingState {
  const zeros = stateTensors(layout, parts).map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]);
  const own = (parts.loss.parameters ?? []).map(({ name, shape, init }) => ({ name, shape: [...shape], init }));
  const values = initialTensors(own, seed, 'loss');
  let offset = 0;
  const ownValues = own.map(({ name, shape }) => [name, values.slice(offset, (offset += elementCount(shape)))]);
  return {
    ...(Object.fromEntries(zeros) as TrainingState),
    params: initialTensors(layout.params, seed),
    buffers: initialTensors(layout.buffers, seed),
    ...(Object.fromEntries(ownValues) as TrainingState),
    ...(parts.scalesLoss && { [lossScale]: firstScale() }),
  };
}
