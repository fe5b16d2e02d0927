/** The pretend device's libraries, and ONNX Runtime's CUDA provider beside its library: made once, in .cache/cuda. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar';
import { bindingFolder } from '../../src/runner/compute/onnxruntime-folder.js';
import { cuda13Folder, cuda13Package, providerFile, sharedFile } from '../../src/runner/cuda/provider.js';
import { cachedPackage } from '../../src/runner/prepare/packages.js';

const sources = fileURLToPath(new URL('device', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/cuda', import.meta.url));

const providerFiles = [providerFile, sharedFile];

/** Names that the provider asks for, and NCCL's, and the source of each; what is never called has none. */
const libraries: readonly (readonly [name: string, source: string | null])[] = [
  ['libcudart.so.13', 'cudart.c'],
  ['libcublas.so.13', 'cublas.c'],
  ['libcublasLt.so.13', 'cublaslt.c'],
  ['libcudnn.so.9', 'cudnn.c'],
  ['libnccl.so.2', 'nccl.c'],
  ['libcuda.so.1', null],
  ['libcurand.so.10', null],
  ['libcufft.so.12', null],
];

/** What they are made of: a folder for each, since several processes may want them at once, of this version and of others. */
function sourceHash(): string {
  const hash = createHash('sha256').update(JSON.stringify(libraries));
  for (const name of readdirSync(sources).sort()) hash.update(readFileSync(path.join(sources, name)));
  return hash.digest('hex').slice(0, 12);
}

/** Compiles the libraries. @returns their folder @throws Error where there is no C compiler */
export function buildLibraries(): string {
  const folder = path.join(cache, `device-${sourceHash()}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  const cudart = path.join(partial, libraries[0]![0]);
  for (const [name, source] of libraries) {
    const file = path.join(partial, name);
    const versions = `${file}.map`;
    // The provider looks for symbols of the version that the library's name is.
    writeFileSync(versions, `${name} { global: *; };`);
    const flags = ['-std=gnu17', '-w', '-O1', '-fPIC', '-shared', `-Wl,-soname,${name}`];
    const input = source === null ? ['-x', 'c', '/dev/null'] : [path.join(sources, source)];
    // cudart keeps the log that the others write into.
    const linked = file === cudart ? ['-lpthread'] : source === null ? [] : [cudart];
    const args = [...flags, `-Wl,--version-script=${versions}`, '-o', file, ...input, ...linked];
    execFileSync('gcc', args, { stdio: 'inherit' });
    rmSync(versions);
  }
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another process was faster.
    rmSync(partial, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** ONNX Runtime's library with the provider beside it, which it looks for in its own folder. */
async function installProvider(): Promise<string> {
  const folder = path.join(cache, 'onnxruntime');
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  console.error(`taking ${cuda13Package.name} from the npm registry, unless it is in ${cache} ...`);
  const file = await cachedPackage(cuda13Package, cache);
  const wanted = providerFiles.map((name) => `${cuda13Folder}/${name}`);
  await extract({ file, cwd: partial, strip: cuda13Folder.split('/').length, strict: true }, wanted);
  const library = 'libonnxruntime.so.1';
  copyFileSync(path.join(bindingFolder, library), path.join(partial, library));
  renameSync(partial, folder);
  return folder;
}

export interface PretendDevice {
  /** For LD_LIBRARY_PATH. */
  libraries: string;
  /** Of ONNX Runtime's library. */
  onnxruntime: string;
}

/** @throws Error where it can't be made: Linux on x64 with gcc, and the npm registry or a cache of it */
export const setUpPretendDevice = async (): Promise<PretendDevice> => ({
  libraries: buildLibraries(),
  onnxruntime: await installProvider(),
});
