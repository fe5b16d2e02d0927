/** Where onnxruntime-node is installed. */
import { createRequire } from 'node:module';
import path from 'node:path';

/** Its main file is in `dist`. */
export const packageFolder = path.resolve(createRequire(import.meta.url).resolve('onnxruntime-node'), '../..');

/** Its native files for this system. */
export const bindingFolder = path.join(packageFolder, 'bin/napi-v6', process.platform, process.arch);
