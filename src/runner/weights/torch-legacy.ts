/**
 * What `torch.save` wrote before PyTorch 1.6, and many published files still are: pickles of a magic number, the
 * protocol version, facts about the machine, the object and the list of storage keys; then for each key the number of
 * elements as int64 and the elements. See `_legacy_save` in torch/serialization.py.
 */
import { UserError } from '../base/errors.js';
import { readPickle } from './pickle.js';
import { printable } from '../base/printable.js';
import type { RandomFile } from '../onnx-files/random-file.js';
import { isSize } from '../base/sizes.js';
import type { TorchWorld } from './torch-objects.js';
import { MAX_PICKLE_BYTES, TorchStorage, bigEndian, torchWorld } from './torch-objects.js';
import { torchTensors } from './torch-tensors.js';
import type { StoredBytes } from './torch-tensors.js';
import type { WeightContent } from './weight-file.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const COUNT_BYTES = 8;

interface Pickles {
  object: unknown;
  /** Of the storages, in the order in which they follow. */
  keys: unknown;
  /** Those that the object has, by key. */
  storages: ReadonlyMap<string, TorchStorage>;
  unknown: TorchWorld['unknown'];
  /** Where the storages begin. */
  position: number;
}

/** @param bytes those that the file begins with */
function parsePickles(bytes: Uint8Array, path: string, fail: (what: string) => UserError): Pickles {
  const storages = new Map<string, TorchStorage>();
  const torch = torchWorld(path, fail);
  const world = {
    ...torch,
    persistent: (id: unknown): unknown => {
      const storage = torch.persistent(id);
      if (!(storage instanceof TorchStorage)) return storage;
      const known = storages.get(storage.key);
      if (known !== undefined && (known.type.bytes !== storage.type.bytes || known.stored !== storage.stored)) {
        throw fail(`its storage ${printable(storage.key)} is described in two ways`);
      }
      storages.set(storage.key, storage);
      return storage;
    },
  };
  let position = 0;
  const next = (): unknown => {
    const { value, end } = readPickle(bytes, position, world);
    position = end;
    return value;
  };
  if (next() !== MAGIC) throw fail('it is a Python pickle that torch.save did not write');
  const protocol = next();
  if (protocol !== PROTOCOL) throw fail(`it has the unknown protocol version ${printable(String(protocol))}`);
  const machine = next();
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    throw bigEndian(path);
  }
  const [object, keys] = [next(), next()];
  return { object, keys, storages, unknown: torch.unknown, position };
}

/** Most pickles end within it, so that of the weights, which follow, not much is read along. */
const USUAL_PICKLE_BYTES = 16 * 2 ** 20;

async function readPickles(file: RandomFile, fail: (what: string) => UserError): Promise<Pickles> {
  try {
    return parsePickles(await file.head(USUAL_PICKLE_BYTES), file.path, fail);
  } catch (error) {
    if (file.size <= USUAL_PICKLE_BYTES) throw error;
    return parsePickles(await file.head(MAX_PICKLE_BYTES), file.path, fail);
  }
}

/**
 * Opens a file of the older format.
 *
 * @throws UserError when it is damaged, names a program, or is another program's pickle
 */
export async function openTorchLegacy(file: RandomFile): Promise<WeightContent> {
  const { path } = file;
  const fail = (what: string): UserError =>
    new UserError(`${path} is damaged or no PyTorch file: ${what}. Take another copy of the file.`);
  const { object, keys, storages, position: start, unknown } = await readPickles(file, fail);

  const stored = new Map<string, StoredBytes>();
  let position = start;
  for (const key of Array.isArray(keys) ? (keys as unknown[]) : []) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || stored.has(storage.key)) throw fail('its list of storages is not that of its tensors');
    const header = new Uint8Array(COUNT_BYTES);
    await file.read(header, position);
    const count = Number(new DataView(header.buffer).getBigInt64(0, true));
    const first = position + COUNT_BYTES;
    const size = count * storage.type.bytes;
    if (!isSize(count) || count !== storage.stored || first + size > file.size) {
      throw fail(`its storage ${printable(storage.key)} should have ${storage.stored} elements, found ${count}`);
    }
    stored.set(storage.key, { open: (offset) => Promise.resolve(file.stream(first + offset)) });
    position = first + size;
  }
  const locate = (storage: TorchStorage): StoredBytes => {
    const found = stored.get(storage.key);
    if (found === undefined) throw fail(`its storage ${printable(storage.key)} is missing`);
    return found;
  };
  return { tensors: await torchTensors(object, locate, path, fail), passedOver: [...unknown.keys()] };
}
