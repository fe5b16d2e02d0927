import { describe, expect, it } from 'vitest';
import { deviceError } from '../../../src/runner/compute/device-words.js';

/** As ONNX Runtime 1.29's CUDA provider said them on a pretend device (bench/cuda), shortened. */
const said = {
  'no cuDNN':
    "Non-zero status code returned while running Conv node. Name:'Conv' Status Message: cuda_kernel.h:272 NOT_IMPLEMENTED : cuDNN is unavailable or " +
    'disabled for CUDA Execution Provider: dlopen failed for libcudnn.so: libcudnn.so: cannot open shared object file: No such file or directory',
  'no device':
    'cuda_call.cc:146 CUDA failure 100: no CUDA-capable device is detected ; GPU=0 ; expr=cudaSetDevice(info_.device_id);',
  'device 7 of 1':
    'cuda_call.cc:146 CUDA failure 101: invalid device ordinal ; GPU=0 ; expr=cudaSetDevice(info_.device_id);',
  'another CUDA':
    'Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file or directory',
  'another CUDA, by the binding': 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
} as const;

const told = (message: string) => deviceError(new Error(message), { device: 'cuda', deviceId: 7, threads: 1 })?.message;

describe("what the CUDA provider's words mean", () => {
  it.each([
    ['no cuDNN', 'cuDNN is not found'],
    ['no device', 'has no CUDA device'],
    ['device 7 of 1', 'there is no such device; nvidia-smi lists'],
    ['another CUDA', 'libcublasLt.so.13 is not found'],
    ['another CUDA, by the binding', 'of another version than the provider was built for'],
  ] as const)('is told in one line: %s', (words, meaning) => {
    expect(told(said[words])).toContain(`--device cuda (device 7): `);
    expect(told(said[words])).toContain(meaning);
    expect(told(said[words])).not.toContain('\n');
  });

  it("is told of WebGPU's too", () => {
    const words =
      '/onnxruntime_src/core/providers/webgpu/webgpu_context.cc:100 adapter_result.status == wgpu::RequestAdapterStatus::Success was false. ' +
      'Failed to get a WebGPU adapter: No supported adapters';
    const { message } = deviceError(new Error(words), { device: 'webgpu', deviceId: 0, threads: 1 })!;
    expect(message).toMatch(/^--device webgpu: this machine has no GPU that WebGPU can use: .*Vulkan/);
  });

  it('is nothing where they tell of a model, of memory, or on another device', () => {
    expect(told('protobuf parsing failed')).toBeUndefined();
    expect(told('Failed to allocate memory for requested buffer of size 46026752')).toBeUndefined();
    expect(deviceError(new Error(said['no device']), { device: 'cpu', deviceId: 0, threads: 1 })).toBeUndefined();
  });
});
