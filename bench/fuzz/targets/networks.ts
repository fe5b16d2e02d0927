/** ONNX files that bring a backbone. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PartError } from '../../../src/graph/declarations.js';
import { fileBackbone, fileDefaults } from '../../../src/graph/imported/backbone.js';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { readOnnxFile } from '../../../src/runner/onnx-files/read-model.js';
import { mutateMessage } from '../message.js';
import type { Seed, Target } from '../target.js';
import { bytesSeed } from '../target.js';

const files = ['efficientnet', 'regnet', 'vit', 'vit-layernorm'];

/** What a rule has said; a mistake of this program's own is of another class. */
const isSaid = (error: unknown): error is Error =>
  error instanceof PartError || (error instanceof Error && error.constructor === Error);

/** Writes a file's network, as a training does before its first step. */
async function readNetwork(bytes: Uint8Array, folder: string): Promise<void> {
  const file = path.join(folder, 'network.onnx');
  await writeFile(file, bytes);
  const { model } = await readOnnxFile(file);
  try {
    const backbone = fileBackbone('network', model);
    const featDim = backbone.create(fileDefaults).width!(32);
    describeNetwork({ model: 'network', imageSize: 32, embedDim: 4, featDim }, { backbone });
  } catch (error) {
    const cause = error instanceof PartError && error.cause instanceof Error ? error.cause : error;
    if (!isSaid(error) || !isSaid(cause)) throw cause;
    throw new UserError(`${file}: ${error.message}`, { cause: error });
  }
}

export const networks: Target = {
  name: 'networks',
  seeds: () =>
    Promise.all(
      files.map(async (name): Promise<Seed> => {
        const file = new URL(`../../../test/golden/onnx/${name}.onnx`, import.meta.url);
        return bytesSeed(new Uint8Array(await readFile(file)), mutateMessage);
      }),
    ),
  read: readNetwork,
};
