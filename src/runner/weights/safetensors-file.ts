import type { SafetensorsDtype } from '../formats/safetensors.js';
import { SAFETENSORS_LENGTH_BYTES, decodeSafetensorsHeader, safetensorsDataStart } from '../formats/safetensors.js';
import { UserError } from '../base/errors.js';
import { readFloats } from './floats.js';
import type { FloatType } from './floats.js';
import { printable } from '../base/printable.js';
import type { RandomFile } from '../onnx-files/random-file.js';
import { countOf } from '../base/sizes.js';
import type { WeightContent } from './weight-file.js';

const FLOATS: Partial<Record<SafetensorsDtype, FloatType>> = { F32: 'F32', F16: 'F16', BF16: 'BF16', F64: 'F64' };
/** Floats that nothing here converts; leaving them out would look as if the file lacked them. */
const UNREADABLE: readonly SafetensorsDtype[] = ['F8_E4M3', 'F8_E5M2'];

/** `format` of this program's checkpoints, and what the optimizer's vectors are called there: see `checkpoint.ts`. */
const CHECKPOINT = 'dws-checkpoint';
const OPTIMIZER = 'optimizer.';

/**
 * Opens a safetensors file: reads and checks its header and nothing else.
 *
 * @throws UserError when the header does not describe the file, or a tensor has a float type that is not read
 */
export async function openSafetensors(file: RandomFile): Promise<WeightContent> {
  const { path, size } = file;
  const dataStart = safetensorsDataStart(await file.head(SAFETENSORS_LENGTH_BYTES), size, path);
  const json = (await file.head(dataStart)).subarray(SAFETENSORS_LENGTH_BYTES);
  const { entries, metadata } = decodeSafetensorsHeader(json, size - dataStart, path);
  const isOurs = metadata['format'] === CHECKPOINT;
  const tensors = entries.flatMap(({ name, dtype, shape, begin }) => {
    // Momentum has the names and shapes of weights.
    if (isOurs && name.startsWith(OPTIMIZER)) return [];
    const title = `tensor ${printable(name)}`;
    if (UNREADABLE.includes(dtype)) {
      throw new UserError(`${path}: ${title} has the type ${dtype}, which dws does not read. Convert it to F32.`);
    }
    const type = FLOATS[dtype];
    if (type === undefined) return [];
    const read = (): Promise<Float32Array> =>
      readFloats(type, countOf(shape), file.stream(dataStart + begin), `${path}: ${title}`);
    return [{ name, container: '', source: name, shape, read }];
  });
  return { tensors };
}
