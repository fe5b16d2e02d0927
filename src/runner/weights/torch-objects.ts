/** What may occur in a file by `torch.save`: the names that its pickle may use, tensors and storages as descriptions. */
import { UserError } from '../errors.js';
import type { FloatType } from './floats.js';
import { PickleGlobal, PickleObject, setText } from './pickle.js';
import type { PickleWorld } from './pickle.js';
import { printable } from './printable.js';
import { isSize } from './sizes.js';

/** The pickle of the largest model takes some 200 KB, with the optimizer's state three times as much. */
export const MAX_PICKLE_BYTES = 16 * 2 ** 20;

/** A class of storages, `torch.FloatStorage` for example. */
export class StorageType extends PickleGlobal {
  constructor(
    name: string,
    /** Bytes an element. */
    readonly bytes: number,
    /** Undefined for integers. */
    readonly float?: FloatType,
  ) {
    super(name);
  }
}

/** The elements that tensors are views of; the file holds them elsewhere, under the key. */
export class TorchStorage {
  constructor(
    readonly type: StorageType,
    readonly key: string,
    /** Elements of the whole storage in the file. */
    readonly stored: number,
    /** The range that tensors may use, in elements: all of it but for the storage views of old versions. */
    readonly first: number,
    readonly count: number,
  ) {}
}

/** A tensor as the file describes it, nothing of it checked yet. */
export class TorchTensor {
  constructor(
    readonly storage: unknown,
    readonly offset: unknown,
    readonly size: unknown,
    readonly stride: unknown,
  ) {}
}

/** `torch.nn.Parameter` as versions before 0.4 pickled it: an object whose state holds the tensor. */
export class TorchParameter extends PickleObject {
  constructor(public data: unknown) {
    super();
  }

  /** Parameter.__setstate__: (data, grad, hooks, requires_grad, volatile), or three values without the tensor. */
  setState(state: unknown): void {
    if (Array.isArray(state) && state.length === 5) this.data = state[0];
  }
}

/** OrderedDict(); Python 2 gives it the list of its [key, value] pairs. */
function orderedDict([pairs]: unknown[]): unknown {
  const dict = new Map<unknown, unknown>();
  for (const pair of Array.isArray(pairs) ? (pairs as unknown[]) : []) {
    if (Array.isArray(pair)) setText(dict, pair[0], pair[1]);
  }
  return dict;
}

const rebuildTensor = ([storage, offset, size, stride]: unknown[]): unknown =>
  new TorchTensor(storage, offset, size, stride);

const parameter = ([data]: unknown[]): unknown => new TorchParameter(data);

const first = ([value]: unknown[]): unknown => value;

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    new PickleGlobal('collections.OrderedDict', orderedDict),
    new PickleGlobal('__builtin__.set', first),
    new PickleGlobal('builtins.set', first),
    new PickleGlobal('torch.Size', first),
    new PickleGlobal('torch._utils._rebuild_tensor', rebuildTensor),
    new PickleGlobal('torch._utils._rebuild_tensor_v2', rebuildTensor),
    new PickleGlobal('torch._utils._rebuild_parameter', first),
    new PickleGlobal('torch.nn.parameter.Parameter', parameter),
    new StorageType('torch.FloatStorage', 4, 'F32'),
    new StorageType('torch.HalfStorage', 2, 'F16'),
    new StorageType('torch.BFloat16Storage', 2, 'BF16'),
    new StorageType('torch.DoubleStorage', 8, 'F64'),
    new StorageType('torch.LongStorage', 8),
    new StorageType('torch.IntStorage', 4),
    new StorageType('torch.ShortStorage', 2),
    new StorageType('torch.CharStorage', 1),
    new StorageType('torch.ByteStorage', 1),
    new StorageType('torch.BoolStorage', 1),
    new StorageType('torch.UntypedStorage', 1),
    new StorageType('torch.storage.UntypedStorage', 1),
    new StorageType('torch.storage._UntypedStorage', 1),
  ].map((global) => [global.name, global]),
);

/**
 * ('storage', type, key, location, elements), and from the older format a sixth: None, or the view's (key, first
 * element, elements).
 */
function readStorage(id: unknown, fail: (what: string) => UserError): TorchStorage {
  const [kind, type, key, , stored, view] = Array.isArray(id) ? (id as unknown[]) : [];
  if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isSize(stored)) {
    throw fail('it refers to something outside the pickle that is no storage');
  }
  if (/[/\\]/.test(key)) throw fail(`its storage key ${printable(key)} is a path`);
  if (!Array.isArray(view)) return new TorchStorage(type, key, stored, 0, stored);
  const [, start, count] = view as unknown[];
  if (!isSize(start) || !isSize(count) || start + count > stored) {
    throw fail(`a view of its storage ${printable(key)} lies outside of it`);
  }
  return new TorchStorage(type, key, stored, start, count);
}

/**
 * The names and storages of `torch.save`, for a pickle in the file `path`.
 *
 * @param fail the error for a damaged file
 */
export function torchWorld(path: string, fail: (what: string) => UserError): PickleWorld {
  return {
    fail,
    persistent: (id) => readStorage(id, fail),
    find: (name) => {
      const global = GLOBALS.get(name);
      if (global !== undefined) return global;
      throw new UserError(
        `dws refuses to load ${printable(name)}: ${path} holds more than tensors, and such a file can run any program. ` +
          `If you trust it, open it in PyTorch and save only the state dict: torch.save(model.state_dict(), FILE).`,
      );
    },
  };
}

export const bigEndian = (path: string): UserError =>
  new UserError(`${path} was written on a big-endian machine. Load and save it with PyTorch on a little-endian one.`);
