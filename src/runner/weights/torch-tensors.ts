/** From an unpickled object to tensors that can be read: finds those with names, checks every view against its storage. */
import { UserError } from '../base/errors.js';
import type { FloatType } from './floats.js';
import { allocateFloats, floatBytes, readFloats } from './floats.js';
import { printable } from '../base/printable.js';
import type { ByteStream } from '../onnx-files/random-file.js';
import { countOf, isSize } from '../base/sizes.js';
import { TorchStorage } from './torch-objects.js';
import type { TorchTensor } from './torch-objects.js';
import { namedTensors } from './torch-walk.js';
import type { WeightTensor } from './weight-file.js';

/** Where the bytes of a storage are. */
export interface StoredBytes {
  /** Its bytes from `offset` on. */
  open(offset: number): Promise<ByteStream>;
}

interface View {
  storage: TorchStorage;
  /** In elements of the stored storage. */
  offset: number;
  shape: number[];
  strides: number[];
}

/** PyTorch itself ends at 64. */
const MAX_DIMENSIONS = 64;

const areSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isSize);

/** Elements from the first to the last of a view, both included; 0 of an empty one. */
const spanOf = ({ shape, strides }: Pick<View, 'shape' | 'strides'>): number =>
  shape.includes(0) ? 0 : shape.reduce((last, size, d) => last + (size - 1) * strides[d]!, 1);

function checkView(tensor: TorchTensor, fail: (what: string) => UserError): View {
  const { storage, offset, size, stride } = tensor;
  if (!(storage instanceof TorchStorage)) throw fail('has no storage');
  if (!areSizes(size) || !areSizes(stride) || size.length !== stride.length || !isSize(offset)) {
    throw fail('has sizes, strides or an offset that make no sense');
  }
  const view = { storage, offset: storage.first + offset, shape: [...size], strides: [...stride] };
  if (offset + spanOf(view) > storage.count) {
    throw fail(`reaches element ${offset + spanOf(view)} of a storage of ${storage.count}`);
  }
  // Strides of 0 could ask for any amount of memory.
  if (countOf(size) > storage.count) throw fail(`has ${countOf(size)} elements, its storage only ${storage.count}`);
  return view;
}

function isContiguous({ shape, strides }: View): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** Row-major elements of a view that is not empty. `span` holds the storage from its first element on. */
function gather(span: Float32Array, { shape, strides }: View, out: Float32Array): Float32Array {
  const index = shape.map(() => 0);
  const last = shape.length - 1;
  const [width, step] = [shape[last]!, strides[last]!];
  let position = 0;
  for (let row = 0; row < out.length; row += width) {
    for (let i = 0; i < width; i++) out[row + i] = span[position + i * step]!;
    for (let d = last - 1; d >= 0; d--) {
      position += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      position -= shape[d]! * strides[d]!;
      index[d] = 0;
    }
  }
  return out;
}

async function readView(view: View, type: FloatType, stored: StoredBytes, source: string): Promise<Float32Array> {
  const span = spanOf(view);
  const stream = await stored.open(view.offset * floatBytes(type));
  try {
    const values = await readFloats(type, span, stream, source);
    return span === 0 || isContiguous(view)
      ? values
      : gather(values, view, allocateFloats(countOf(view.shape), source));
  } finally {
    stream.close();
  }
}

/** Floats that nothing here converts; leaving them out would look as if the file lacked them. */
const isUnreadable = (dtype: string | undefined): boolean => /^torch\.float\d/.test(dtype ?? '');

/** What two names of one tensor have in common. */
const sourceOf = ({ storage, offset, shape, strides }: View): string =>
  [storage.key, offset, `${shape}`, `${strides}`].join(':');

/**
 * The float tensors of an unpickled object, by their names at any depth of it. A contiguous tensor is read into its result; a
 * transposed or sliced one takes the part of the storage that it spans besides, for as long as it is gathered.
 *
 * @param locate finds a storage in the file and checks that all of it is there
 * @param fail the error for a damaged file
 * @throws UserError for a damaged file, and for one without tensors by name
 */
export async function torchTensors(
  object: unknown,
  locate: (storage: TorchStorage) => StoredBytes | Promise<StoredBytes>,
  path: string,
  fail: (what: string) => UserError,
): Promise<WeightTensor[]> {
  const named = namedTensors(object);
  if (named.length === 0) {
    throw new UserError(
      `${path} holds no state dict, neither by itself nor inside of what it holds. ` +
        `Save one in PyTorch: torch.save(model.state_dict(), FILE).`,
    );
  }
  const tensors: WeightTensor[] = [];
  for (const { container, name, tensor } of named) {
    const title = `tensor ${printable(name)}`;
    const view = checkView(tensor, (what) => fail(`${title} ${what}`));
    const { shape } = view;
    const source = sourceOf(view);
    if (isUnreadable(tensor.dtype)) {
      const what = `${path}: ${title} has the type ${printable(tensor.dtype!)}, which dws does not read.`;
      const read = () => Promise.reject(new UserError(`${what} Convert it to float32.`));
      tensors.push({ container, name, shape, source, read });
      continue;
    }
    const stored = await locate(view.storage);
    const type = view.storage.type.float;
    if (type === undefined) continue;
    tensors.push({ container, name, shape, source, read: () => readView(view, type, stored, `${path}: ${title}`) });
  }
  return tensors;
}
