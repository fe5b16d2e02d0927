/** What `dws cuda-install` writes beside the CUDA provider that it has put beside onnxruntime-node's binding. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageFolder } from './onnxruntime-folder.js';

export const noteFile = 'dws-cuda-provider.json';

export interface ProviderNote {
  /** Of ONNX Runtime. */
  version: string;
  from: string;
  /** Bytes of the provider: another size is another file. */
  bytes: number;
}

export const onnxruntimeVersion = (): string =>
  (JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8')) as { version: string }).version;

/** Undefined for a provider that came from elsewhere. */
export function readNote(folder: string, bytes: number): ProviderNote | undefined {
  try {
    const note = JSON.parse(readFileSync(path.join(folder, noteFile), 'utf8')) as ProviderNote;
    return note.bytes === bytes ? note : undefined;
  } catch {
    return undefined;
  }
}

/** What to do about a provider that is not the right one. */
export const putAgain = 'npx dws cuda-install --remove, and then npx dws cuda-install';

/** Why a provider does not fit onnxruntime-node, where that is known: ONNX Runtime itself does not look. */
export const otherVersion = (note: ProviderNote | undefined, version = onnxruntimeVersion()): string | undefined =>
  note === undefined || note.version === version
    ? undefined
    : `of ONNX Runtime ${note.version}, and onnxruntime-node is ${version}: ${putAgain}`;
