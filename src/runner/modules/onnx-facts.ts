/** A backbone that is an ONNX file, as modules are told of. */
import path from 'node:path';
import { UserError } from '../base/errors.js';
import type { OnnxFile } from '../onnx-files/read-model.js';
import { readOnnxFile } from '../onnx-files/read-model.js';
import { factsOf, readModule, realFile } from './fingerprint.js';
import type { ModuleFacts, PartKind } from './kinds.js';
import { isOnnxPath } from './kinds.js';

/**
 * Reads an ONNX file as `readModule` does a module; with the network, which is read for it anyway.
 *
 * @throws UserError when it is no backbone's, can't be read, or is in a form that is not supported
 */
export async function readOnnxFacts(kind: PartKind, given: string): Promise<{ facts: ModuleFacts; file: OnnxFile }> {
  if (kind !== 'backbone') throw new UserError(`--${kind} ${given}: an ONNX file brings a backbone, not a ${kind}.`);
  const entry = await realFile(path.resolve(given), '--model');
  const file = await readOnnxFile(entry);
  return { facts: factsOf(kind, entry, file.parts), file };
}

/** The facts of a module, or of an ONNX file. @throws UserError as `readModule` and `readOnnxFacts` */
export const readPart = async (kind: PartKind, given: string): Promise<ModuleFacts> =>
  isOnnxPath(given) ? (await readOnnxFacts(kind, given)).facts : readModule(kind, given);
