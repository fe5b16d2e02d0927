/** The built program as on a machine with a GPU: with ONNX Runtime's CUDA provider. */
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder } from '../../src/runner/compute/onnxruntime-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = path.join(root, 'node_modules');

/** Where onnxruntime-node has ONNX Runtime. */
export const native = path.join('bin/napi-v6', process.platform, process.arch);

/** The built program, with modules as they are but for onnxruntime-node, a copy that the provider lies in. */
export async function installed(folder: string, onnxruntime: string): Promise<string> {
  await cp(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true });
  await cp(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  const own = path.join(folder, 'node_modules');
  await mkdir(own);
  for (const name of await readdir(modules))
    if (name !== 'onnxruntime-node') await symlink(path.join(modules, name), path.join(own, name));
  const copy = path.join(own, 'onnxruntime-node');
  await cp(packageFolder, copy, { recursive: true });
  await cp(onnxruntime, path.join(copy, native), { recursive: true });
  return path.join(folder, 'dist/cli/main.js');
}
