/**
 * What `torch.save` has written since PyTorch 1.6: a zip archive with the entries NAME/data.pkl, NAME/data/KEY for each
 * storage and, since 2.1, NAME/byteorder. See `_save` in torch/serialization.py. PyTorch stores entries as they are;
 * archives that were packed again with deflate are read, too.
 */
import { UserError } from '../base/errors.js';
import { readPickle } from './pickle.js';
import { printable } from '../base/printable.js';
import type { RandomFile } from '../onnx-files/random-file.js';
import { MAX_PICKLE_BYTES, bigEndian, notAsItIs, torchWorld } from './torch-objects.js';
import type { TorchStorage } from './torch-objects.js';
import { torchTensors } from './torch-tensors.js';
import type { StoredBytes } from './torch-tensors.js';
import type { WeightContent } from './weight-file.js';
import { openZip } from './zip.js';
import type { ZipEntry } from './zip.js';

const PICKLE = '/data.pkl';
/** Only `torch.jit.save` writes it. */
const SCRIPT = '/constants.pkl';

/** The folder around everything, named after the file or `archive`. */
function rootFolder(names: readonly string[], path: string, fail: (what: string) => UserError): string {
  const isInRoot = (name: string, entry: string): boolean =>
    name.endsWith(entry) && name.indexOf('/') === name.length - entry.length;
  if (names.some((name) => isInRoot(name, SCRIPT))) {
    throw new UserError(
      `${path} is a TorchScript archive, a program and not only weights. ` +
        `Save the state dict in PyTorch: torch.save(torch.jit.load(FILE).state_dict(), OTHER_FILE).`,
    );
  }
  const pickles = names.filter((name) => isInRoot(name, PICKLE));
  if (pickles.length !== 1) throw fail(`it is a zip archive with ${pickles.length} entries data.pkl instead of one`);
  return pickles[0]!.slice(0, -PICKLE.length);
}

async function readEntry(entry: ZipEntry): Promise<Uint8Array> {
  const bytes = new Uint8Array(entry.bytes);
  const stream = await entry.open(0);
  try {
    await stream.fill(bytes);
  } finally {
    stream.close();
  }
  return bytes;
}

/**
 * Opens a file of the zip format.
 *
 * @throws UserError when it is damaged, names a program, or is another program's zip archive
 */
export async function openTorchZip(file: RandomFile): Promise<WeightContent> {
  const { path } = file;
  const fail = (what: string): UserError =>
    new UserError(`${path} is damaged or no PyTorch file: ${what}. Take another copy of the file.`);
  const zip = await openZip(file, fail);
  const root = rootFolder(zip.names, path, fail);

  const order = await zip.entry(`${root}/byteorder`);
  if (order !== undefined) {
    if (order.bytes > 'little'.length) throw fail(`its byte order takes ${order.bytes} bytes`);
    const name = Buffer.from(await readEntry(order)).toString('latin1');
    if (name === 'big') throw bigEndian(path);
    if (name !== 'little') throw fail(`it has the unknown byte order ${printable(name)}`);
  }

  const pickle = (await zip.entry(`${root}${PICKLE}`))!;
  if (pickle.bytes > MAX_PICKLE_BYTES)
    throw notAsItIs(path, `holds more than can be read: its pickle takes ${pickle.bytes} bytes`);
  const world = torchWorld(path, fail);
  const { value } = readPickle(await readEntry(pickle), 0, world);
  const locate = async ({ key, stored, type }: TorchStorage): Promise<StoredBytes> => {
    const entry = await zip.entry(`${root}/data/${key}`);
    if (entry === undefined) throw fail(`its storage ${printable(key)} is missing`);
    const bytes = stored * type.bytes;
    if (entry.bytes < bytes)
      throw fail(`its storage ${printable(key)} should take ${bytes} bytes, found ${entry.bytes}`);
    return entry;
  };
  return { tensors: await torchTensors(value, locate, path, fail), passedOver: [...world.unknown.keys()] };
}
