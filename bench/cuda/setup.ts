/** The pretend device's libraries, and ONNX Runtime's CUDA provider beside its library: made once, in .cache/cuda. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bindingFolder } from '../../src/runner/compute/onnxruntime-folder.js';

const sources = fileURLToPath(new URL('device', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/cuda', import.meta.url));

/** A third party's package of ONNX Runtime 1.29.0's own provider for CUDA 13; never committed, taken by its hash. */
const provider = {
  name: 'com.github.asus4.onnxruntime.linux-x64-gpu',
  version: '0.4.9',
  sha256: '2b459e0c17f340c92970c10ed86de4f37a3009f93c14053e6ad4334cbb6be412',
  folder: 'package/Plugins/Linux/x64',
  files: ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'],
};

/** Names that the provider asks for, and the source of each; what it never calls has none. */
const libraries: readonly (readonly [name: string, source: string | null])[] = [
  ['libcudart.so.13', 'cudart.c'],
  ['libcublas.so.13', 'cublas.c'],
  ['libcublasLt.so.13', 'cublaslt.c'],
  ['libcudnn.so.9', 'cudnn.c'],
  ['libcuda.so.1', null],
  ['libcurand.so.10', null],
  ['libcufft.so.12', null],
];

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Compiles the libraries. @throws Error where there is no C compiler */
function buildLibraries(): string {
  const folder = path.join(cache, 'device');
  const newest = Math.max(...readdirSync(sources).map((name) => modified(path.join(sources, name))));
  if (libraries.every(([name]) => modified(path.join(folder, name)) > newest)) return folder;
  mkdirSync(folder, { recursive: true });
  const cudart = path.join(folder, libraries[0]![0]);
  for (const [name, source] of libraries) {
    const file = path.join(folder, name);
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
  return folder;
}

/** ONNX Runtime's library with the provider beside it, which it looks for in its own folder. @throws Error for another file */
function installProvider(): string {
  const folder = path.join(cache, 'onnxruntime');
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const { name, version, sha256, files } = provider;
  console.error(`taking ${name}@${version} from the npm registry (179 MB) ...`);
  // The project's own .npmrc names a destination that is never there.
  const args = ['pack', `${name}@${version}`, '--loglevel', 'error', '--pack-destination', partial];
  execFileSync('npm', args, { cwd: partial, stdio: ['ignore', 'ignore', 'inherit'] });
  const archive = readdirSync(partial).find((file) => file.endsWith('.tgz'))!;
  const found = createHash('sha256')
    .update(readFileSync(path.join(partial, archive)))
    .digest('hex');
  if (found !== sha256)
    throw new Error(
      `${name}@${version} has the SHA-256 ${found} instead of ${sha256}: it is not the one that was tried`,
    );
  const depth = provider.folder.split('/').length;
  const wanted = files.map((file) => `${provider.folder}/${file}`);
  execFileSync('tar', ['-xzf', archive, `--strip-components=${depth}`, ...wanted], { cwd: partial });
  rmSync(path.join(partial, archive));
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
export const setUpPretendDevice = (): PretendDevice => ({
  libraries: buildLibraries(),
  onnxruntime: installProvider(),
});
