/** ONNX Runtime through its C API: arrays are read and written where they lie. */
import type { Engine } from '../engine.js';
import { HostTensors } from '../host-tensors.js';
import { explainFailure, requireProvider } from '../session.js';
import { library } from './library.js';
import type { Place } from './session.js';

export const cApiEngine: Engine<Place> = {
  name: 'C API',
  async holder(options) {
    const { device } = options;
    if (device !== 'cuda') return new HostTensors();
    requireProvider(options);
    const loaded = await library();
    const { DeviceTensors } = await import('./device-tensors.js');
    return explainFailure(options, () => DeviceTensors.open(loaded, { ...options, device }));
  },
  rankDevice(options) {
    const { device } = options;
    if (device !== 'cuda') return undefined;
    return async (ranks) => {
      const loaded = await library();
      const { DeviceSums } = await import('./device-sums.js');
      const sums = await explainFailure(options, () => DeviceSums.open(loaded, { ...options, device }, ranks));
      // CUDA's runtime is there once ONNX Runtime's provider is.
      const { openCudaRuntime } = await import('../../ranks/cuda-runtime.js');
      try {
        return { sums, runtime: await openCudaRuntime(options.deviceId ?? 0) };
      } catch (error) {
        await sums.release();
        throw error;
      }
    };
  },
  async open(model, device, settings) {
    requireProvider(device);
    const loaded = await library();
    const { openSession } = await import('./session.js');
    return explainFailure(device, () => openSession(loaded, model, device, settings));
  },
};
