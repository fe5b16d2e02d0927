/** `dws inspect`: what of an ONNX file can be trained. */
import type { FileOptions } from '../../graph/imported/backbone.js';
import { fileDefaults } from '../../graph/imported/backbone.js';
import type { Inspection } from '../../graph/imported/inspect.js';
import { inspected } from '../../graph/imported/inspect.js';
import { readOnnxFile } from '../onnx-files/read-model.js';

export type { Inspection } from '../../graph/imported/inspect.js';

export interface InspectOptions extends Partial<FileOptions> {
  /** Height and width of the images, in pixels. Default: what the file asks for, or 224. */
  imageSize?: number;
}

/**
 * @param file an ONNX file
 * @throws UserError when it can't be read, or is none; what keeps a training from it is told among `obstacles`
 */
export async function inspectModel(file: string, options: InspectOptions = {}): Promise<Inspection> {
  const { imageSize, ...given } = options;
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { model } = await readOnnxFile(file);
  return inspected(model, { ...fileDefaults, ...chosen }, imageSize);
}
