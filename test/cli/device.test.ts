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

it('of several GPUs each rank has its own, and what is no training takes one', () => {
  const given = { device: undefined, gpus: '0,2,5', threads: 2 };
  expect([0, 1, 2].map((rank) => deviceOptions(given, rank).deviceId)).toEqual([0, 2, 5]);
  expect(() => deviceOptions(given, 3)).toThrow('--gpus 0,2,5: 3 devices, and more ranks on this machine.');
  expect(() => deviceOptions(given)).toThrow('--gpus 0,2,5: this takes one GPU, for example --gpus 0');
  expect(() => deviceOptions({ ...given, gpus: '1,1' }, 0)).toThrow('--gpus 1,1: name each device once.');
});

it('a GPU that is no number, or that contradicts --device, is refused', () => {
  expect(() => deviceOptions({ device: undefined, gpus: 'all', threads: 2 })).toThrow("--gpus 'all'");
  expect(() => deviceOptions({ device: 'cpu', gpus: '0', threads: 2 })).toThrow('--device is cpu');
});
