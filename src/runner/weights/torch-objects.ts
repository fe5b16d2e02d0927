/** What may occur in a file by `torch.save`: the names that its pickle may use, tensors and storages as descriptions. */
import { UserError } from '../base/errors.js';
import type { FloatType } from './floats.js';
import { PickleGlobal, PickleObject, setText, unknownGlobal } from './pickle-values.js';
import type { PickleWorld } from './pickle.js';
import { isProgram } from './programs.js';
import { printable } from '../base/printable.js';
import { isSize } from '../base/sizes.js';

/** The pickle of the largest model takes some 200 KB, with the optimizer's state three times as much; lists and arrays beside it, any. */
export const MAX_PICKLE_BYTES = 256 * 2 ** 20;

/** Of a sound file that is not read as it is. */
export const notAsItIs = (path: string, what: string): UserError =>
  new UserError(
    `${path} ${what}. Save the weights alone: torch.save(STATE_DICT, OTHER_FILE), with what torch.load gives for the file, or the ` +
      'state dict in it.',
  );

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
export class TorchTensor extends PickleObject {
  constructor(
    readonly storage: unknown,
    readonly offset: unknown,
    readonly size: unknown,
    readonly stride: unknown,
    /** `torch.float8_e5m2`, where the storage's type does not say it. */
    readonly dtype?: string,
  ) {
    super();
  }

  /** Attributes that somebody gave a tensor are no weights. */
  setState(): void {
    // Nothing of it is kept.
  }
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

/** Since 2.1, for types that have no class of storages: the type follows whether it has a gradient, and hooks. */
const rebuildTyped = ([storage, offset, size, stride, , , dtype]: unknown[]): unknown =>
  new TorchTensor(storage, offset, size, stride, dtype instanceof PickleGlobal ? dtype.name : undefined);

const parameter = ([data]: unknown[]): unknown => new TorchParameter(data);

const first = ([value]: unknown[]): unknown => value;

const TENSORS = [
  new PickleGlobal('torch._utils._rebuild_tensor', rebuildTensor),
  new PickleGlobal('torch._utils._rebuild_tensor_v2', rebuildTensor),
  new PickleGlobal('torch._utils._rebuild_tensor_v3', rebuildTyped),
  new PickleGlobal('torch._utils._rebuild_parameter', first),
  new PickleGlobal('torch._utils._rebuild_parameter_with_state', first),
];

/** A tensor of a subclass, or with attributes: (the function that makes it, class, its arguments, attributes). */
function subclassed([make, , args]: unknown[]): unknown {
  // Of these only: a function that is given itself would go on without end.
  const known = TENSORS.find((global) => global === make);
  return known !== undefined && Array.isArray(args) ? known.call!(args) : null;
}

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...TENSORS,
    new PickleGlobal('torch._tensor._rebuild_from_type', subclassed),
    new PickleGlobal('torch._tensor._rebuild_from_type_v2', subclassed),
    new PickleGlobal('collections.OrderedDict', orderedDict),
    new PickleGlobal('collections.defaultdict', () => new Map()),
    new PickleGlobal('__builtin__.set', first),
    new PickleGlobal('builtins.set', first),
    new PickleGlobal('torch.Size', first),
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
    new StorageType('torch.ComplexFloatStorage', 8),
    new StorageType('torch.ComplexDoubleStorage', 16),
    new StorageType('torch.QInt8Storage', 1),
    new StorageType('torch.QUInt8Storage', 1),
    new StorageType('torch.QInt32Storage', 4),
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
 * The older format names a class with its source code beside it, to warn where that has changed since: ('module', class,
 * file, code). The class is what it stands for; the code is of no interest.
 */
function readClass(id: unknown): PickleGlobal | undefined {
  const [kind, named] = Array.isArray(id) ? (id as unknown[]) : [];
  return kind === 'module' && named instanceof PickleGlobal ? named : undefined;
}

/** What may occur in a file, and which names of it nobody here knows. */
export interface TorchWorld extends PickleWorld {
  readonly unknown: ReadonlyMap<string, PickleGlobal>;
}

/**
 * The names and storages of `torch.save`, for a pickle in the file `path`. Names that are not PyTorch's stand for objects
 * that do nothing; those that could only be there to run a program refuse the file.
 *
 * @param fail the error for a damaged file
 */
export function torchWorld(path: string, fail: (what: string) => UserError): TorchWorld {
  const unknown = new Map<string, PickleGlobal>();
  return {
    fail,
    refuse: (what) => notAsItIs(path, what),
    unknown,
    persistent: (id) => readClass(id) ?? readStorage(id, fail),
    find: (name) => {
      const global = GLOBALS.get(name) ?? unknown.get(name);
      if (global !== undefined) return global;
      if (isProgram(name)) {
        throw new UserError(
          `${path} would run ${printable(name)} where PyTorch opens it, as an attack does. Nothing of it was run, and ` +
            `dws takes no weights out of it. Don't open it in PyTorch, and get the weights from somewhere that you trust.`,
        );
      }
      const made = unknownGlobal(name);
      unknown.set(name, made);
      return made;
    },
  };
}

export const bigEndian = (path: string): UserError =>
  new UserError(`${path} was written on a big-endian machine. Load and save it with PyTorch on a little-endian one.`);
