/** Where onnxruntime-node is installed. */
import { createRequire } from 'node:module';
import path from 'node:path';

/** Its main file is in `dist`. */
export const packageFolder = path.resolve(createRequire(import.meta.url).resolve('onnxruntime-node'), '../..');

/** Its CUDA provider, beside its native files. */
export const cudaProvider = 'libonnxruntime_providers_cuda.so';

/** Why it has none here; undefined where it has. */
export const noCudaProvider = (platform: string = process.platform, arch: string = process.arch): string | undefined =>
  platform === 'linux' && arch === 'x64'
    ? undefined
    : `onnxruntime-node has a CUDA provider for linux x64 only, this is ${platform} ${arch}.`;

/** Its native files for this system. */
export const bindingFolder = path.join(packageFolder, 'bin/napi-v6', process.platform, process.arch);
