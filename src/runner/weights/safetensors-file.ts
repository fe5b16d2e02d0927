import type { SafetensorsDtype } from '../safetensors.js';
import { SAFETENSORS_LENGTH_BYTES, decodeSafetensorsHeader, safetensorsDataStart } from '../safetensors.js';
import { UserError } from '../errors.js';
import { readFloats } from './floats.js';
import type { FloatType } from './floats.js';
import { printable } from './printable.js';
import type { RandomFile } from './random-file.js';
import { countOf } from './sizes.js';
import type { WeightTensor } from './weight-file.js';

const FLOATS: Partial<Record<SafetensorsDtype, FloatType>> = { F32: 'F32', F16: 'F16', BF16: 'BF16', F64: 'F64' };
/** Floats that nothing here converts; leaving them out would look as if the file lacked them. */
const UNREADABLE: readonly SafetensorsDtype[] = ['F8_E4M3', 'F8_E5M2'];

/**
 * Opens a safetensors file: reads and checks its header and nothing else.
 *
 * @throws UserError when the header does not describe the file, or a tensor has a float type that is not read
 */
export async function openSafetensors(file: RandomFile): Promise<WeightTensor[]> {
  const { path, size } = file;
  const dataStart = safetensorsDataStart(await file.head(SAFETENSORS_LENGTH_BYTES), size, path);
  const json = (await file.head(dataStart)).subarray(SAFETENSORS_LENGTH_BYTES);
  const { entries } = decodeSafetensorsHeader(json, size - dataStart, path);
  return entries.flatMap(({ name, dtype, shape, begin }) => {
    const title = `tensor ${printable(name)}`;
    if (UNREADABLE.includes(dtype)) {
      throw new UserError(`${path}: ${title} has the type ${dtype}, which dws does not read. Convert it to F32.`);
    }
    const type = FLOATS[dtype];
    if (type === undefined) return [];
    const read = (): Promise<Float32Array> =>
      readFloats(type, countOf(shape), file.stream(dataStart + begin), `${path}: ${title}`);
    return [{ name, shape, read }];
  });
}
