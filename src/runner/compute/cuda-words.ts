/** What is missing on a machine, out of what ONNX Runtime's CUDA provider says of it: C++, and several lines of it. */
import { UserError } from '../base/errors.js';
import type { DeviceOptions } from '../options/run-options.js';

/** Its words of 1.29, and what they mean; the first that matches. What a pattern has found is put in for `$1`. */
const meanings: readonly (readonly [words: RegExp, meaning: string])[] = [
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

function meaningOf(message: string): string | undefined {
  for (const [words, meaning] of meanings) {
    const found = words.exec(message);
    if (found) return meaning.replace('$1', found[1] ?? '');
  }
  return undefined;
}

/** The error that tells what the machine lacks; undefined when something else was wrong, or another device was used. */
export function cudaError(error: unknown, { device, deviceId }: DeviceOptions): UserError | undefined {
  const meaning = device === 'cuda' ? meaningOf(String(error)) : undefined;
  if (meaning === undefined) return undefined;
  return new UserError(`--device cuda (device ${deviceId}): ${meaning}`, { cause: error });
}
