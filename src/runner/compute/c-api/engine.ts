/** ONNX Runtime through its C API: arrays are read and written where they lie. */
import type { Engine } from '../engine.js';
import { explainFailure, requireProvider } from '../session.js';
import { library } from './library.js';

export const cApiEngine: Engine = {
  name: 'C API',
  async open(model, device, settings) {
    requireProvider(device);
    const loaded = await library();
    const { openSession } = await import('./session.js');
    return explainFailure(device, () => openSession(loaded, model, device, settings));
  },
};
