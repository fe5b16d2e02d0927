/** What is missing on a machine, out of what ONNX Runtime's providers say of it: C++, and several lines of it. */
import type { Provider } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import type { DeviceOptions } from '../options/run-options.js';

type Meanings = readonly (readonly [words: RegExp, meaning: string])[];

/** Words of the CUDA provider of 1.29, and what they mean; the first that matches. What a pattern has found is put in for `$1`. */
const cudaMeanings: Meanings = [
  [
    /cuDNN is unavailable|libcudnn[^:]*: cannot open/,
    'cuDNN is not found. Put the libraries of cuDNN 9 on the library path (LD_LIBRARY_PATH).',
  ],
  [
    /no CUDA-capable device|CUDA failure 100\b/,
    'this machine has no CUDA device that can be used. If it has an NVIDIA GPU, look whether its driver is installed (nvidia-smi) and whether ' +
      'CUDA_VISIBLE_DEVICES hides it.',
  ],
  [
    /invalid device ordinal|CUDA failure 101\b/,
    'there is no such device; nvidia-smi lists those that there are, from 0 on.',
  ],
  [
    /driver version is insufficient|CUDA failure 35\b/,
    "the driver is older than the provider's version of CUDA (nvidia-smi tells both). Install a newer driver.",
  ],
  [
    /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/,
    '$1 is not found. Put the libraries of CUDA and cuDNN, of the versions that the provider was built for, on the library path (LD_LIBRARY_PATH).',
  ],
  [
    /Failed to load shared library/,
    "its provider's libraries can't be loaded: those of CUDA or cuDNN are not on the library path (LD_LIBRARY_PATH), or are of another version than the " +
      'provider was built for.',
  ],
];

const meanings: Record<Provider, Meanings> = {
  cpu: [],
  cuda: cudaMeanings,
  webgpu: [
    [
      /Failed to get a WebGPU adapter/,
      'this machine has no GPU that WebGPU can use: one whose driver speaks Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS).',
    ],
  ],
};

function meaningOf(message: string, device: Provider): string | undefined {
  for (const [words, meaning] of meanings[device]) {
    const found = words.exec(message);
    if (found) return meaning.replace('$1', found[1] ?? '');
  }
  return undefined;
}

/** The error that tells what the machine lacks; undefined when something else was wrong, or another device was used. */
export function deviceError(error: unknown, { device, deviceId }: DeviceOptions): UserError | undefined {
  const meaning = meaningOf(String(error), device);
  if (meaning === undefined) return undefined;
  const which = device === 'cuda' ? ` (device ${deviceId})` : '';
  return new UserError(`--device ${device}${which}: ${meaning}`, { cause: error });
}
