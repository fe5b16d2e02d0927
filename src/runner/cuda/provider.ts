/** ONNX Runtime's CUDA provider: its files beside onnxruntime-node's binding, and what is known of them. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { cudaProvider } from '../compute/onnxruntime-folder.js';
import type { ProviderNote } from '../compute/provider-note.js';
import { readNote } from '../compute/provider-note.js';
import type { PinnedPackage } from '../prepare/packages.js';
import type { Dynamic } from './elf.js';
import { dynamicOf } from './elf.js';

export const cudaVersions = [12, 13] as const;
/** Major versions of CUDA that there are providers for. */
export type CudaVersion = (typeof cudaVersions)[number];

export const providerFile = cudaProvider;
/** What the provider needs beside it. */
export const sharedFile = 'libonnxruntime_providers_shared.so';
/** onnxruntime-node's script brings this one too; it is not used here. */
export const tensorrtFile = 'libonnxruntime_providers_tensorrt.so';

/**
 * A package of a third party, with ONNX Runtime 1.29.0's own provider for CUDA 13; 179 MB, taken by its hash. ONNX Runtime itself
 * publishes none of that version for Node.js.
 */
export const cuda13Package: PinnedPackage = {
  name: 'com.github.asus4.onnxruntime.linux-x64-gpu',
  version: '0.4.9',
  integrity: 'sha512-FopIhNE/Ng+v2X65wVc9clPCBCvhvA53Hxo2U0Kf5fGdVsC7iCA+mZ0KLWggcQAj7TIZ6pNidR4AC10g74Xo6w==',
};
/** In its package. */
export const cuda13Folder = 'package/Plugins/Linux/x64';
/** The version of ONNX Runtime that it was built with. */
export const cuda13Built = '1.29.0';

export interface InstalledProvider {
  file: string;
  dynamic: Dynamic | undefined;
  /** That it was built for; undefined where the file is no provider for CUDA. */
  cuda: number | undefined;
  /** Undefined for one that came from elsewhere. */
  note: ProviderNote | undefined;
}

/** The version of CUDA that a library is linked to. */
export function cudaOf({ needed }: Dynamic): number | undefined {
  const version = needed.map((name) => /^libcudart\.so\.(\d+)/.exec(name)?.[1]).find((found) => found !== undefined);
  return version === undefined ? undefined : Number(version);
}

/** The provider in a folder; undefined where there is none. Empty files are none: see scripts/preinstall.mjs. */
export async function installedProvider(folder: string): Promise<InstalledProvider | undefined> {
  const file = path.join(folder, providerFile);
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size === 0) return undefined;
  const dynamic = await dynamicOf(file);
  return { file, dynamic, cuda: dynamic && cudaOf(dynamic), note: readNote(folder, size) };
}
