/** What the model can run on. */
import type { Device } from 'dws/web';

export const deviceNames: Record<Device, string> = { webgpu: 'WebGPU', wasm: 'WebAssembly' };

export const hasWebGpu = 'gpu' in navigator;
