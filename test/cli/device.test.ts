import { expect, it } from 'vitest';
import { deviceOptions } from '../../src/cli/device.js';

it('no GPU and no device means the CPU', () => {
  expect(deviceOptions({ device: undefined, gpus: '', threads: 2 })).toEqual({
    device: 'cpu',
    deviceId: 0,
    threads: 2,
  });
});

it('--device decides when no GPU is given', () => {
  expect(deviceOptions({ device: 'webgpu', gpus: '', threads: 2 }).device).toBe('webgpu');
  expect(deviceOptions({ device: 'cuda', gpus: '', threads: 2 })).toMatchObject({ device: 'cuda', deviceId: 0 });
});

it('--gpus 0 is CUDA device 0, with --device cuda or without', () => {
  expect(deviceOptions({ device: undefined, gpus: '0', threads: 2 })).toMatchObject({ device: 'cuda', deviceId: 0 });
  expect(deviceOptions({ device: 'cuda', gpus: '3', threads: 2 })).toMatchObject({ device: 'cuda', deviceId: 3 });
});

it('several GPUs are refused, saying what to do instead', () => {
  expect(() => deviceOptions({ device: undefined, gpus: '0,1', threads: 2 })).toThrow(
    /--gpus 0,1: .*not there yet. Give one, for example --gpus 0/,
  );
});

it('a GPU that is no number, or that contradicts --device, is refused', () => {
  expect(() => deviceOptions({ device: undefined, gpus: 'all', threads: 2 })).toThrow("--gpus 'all'");
  expect(() => deviceOptions({ device: 'cpu', gpus: '0', threads: 2 })).toThrow('--device is cpu');
});
