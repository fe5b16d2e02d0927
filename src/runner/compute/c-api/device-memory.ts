/** A device's memory, as ONNX Runtime names it. */
import type { DeviceOptions } from '../../options/run-options.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';

const names = { cpu: 'Cpu', cuda: 'Cuda' } as const;
/** OrtArenaAllocator and OrtMemTypeDefault. */
const [ARENA, DEFAULT] = [1, 0];

/** @returns to be released by whoever asks for it */
export const deviceMemory = (
  { api }: Library,
  { device, deviceId }: DeviceOptions & { device: 'cpu' | 'cuda' },
): Pointer => filled(api.CreateMemoryInfo, names[device], ARENA, deviceId, DEFAULT);
