/** Tensors with names, at any depth of what a file by `torch.save` holds. */
import { PickleUnknown } from './pickle-values.js';
import { TorchParameter, TorchTensor } from './torch-objects.js';

/** A tensor and what it is called. */
export interface NamedTensor {
  /** Where the dict or the module is that names it, for example `state_dict`; empty when it is the whole file. */
  container: string;
  /** With the container's place in front, for example `state_dict.module.conv1.weight`. */
  name: string;
  tensor: TorchTensor;
}

interface Place {
  value: unknown;
  path: string;
  /** Of a module inside of another, where the outermost one is. */
  module?: string;
}

/** Names of more characters are no module's; joined over and over, they could fill the memory. */
const LONGEST_PATH = 1024;

const tensorOf = (value: unknown): TorchTensor | undefined => {
  const data = value instanceof TorchParameter ? value.data : value;
  return data instanceof TorchTensor ? data : undefined;
};

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** The parts of `torch.nn.Module.__dict__` that its `state_dict` leaves out of names. */
const MODULE_PARTS = ['_parameters', '_buffers', '_modules'];

/** A whole model that was pickled: its class is unknown, its attributes are not. */
const moduleState = (value: unknown): Map<unknown, unknown> | undefined => {
  const state = value instanceof PickleUnknown ? value.state : undefined;
  return state instanceof Map && MODULE_PARTS.every((part) => state.get(part) instanceof Map) ? state : undefined;
};

class Walk {
  readonly tensors: NamedTensor[] = [];
  private readonly seen = new Set<unknown>();
  private readonly places: Place[] = [];

  run(object: unknown): void {
    this.visit({ value: object, path: '' });
    // The list grows as it is walked: nearest first.
    for (let i = 0; i < this.places.length; i++) this.enter(this.places[i]!);
  }

  /** Dicts may be shared and contain themselves: each is entered once, by the first way to it. */
  private visit(place: Place): void {
    const { value, path } = place;
    if (typeof value !== 'object' || value === null || path.length > LONGEST_PATH || this.seen.has(value)) return;
    this.seen.add(value);
    this.places.push(place);
  }

  private enter({ value, path, module }: Place): void {
    const state = moduleState(value);
    if (state !== undefined) this.enterModule(state, path, module ?? path);
    else if (value instanceof Map) this.enterDict(value, path);
    else if (Array.isArray(value)) {
      const items = value as unknown[];
      items.forEach((item, i) => this.visit({ value: item, path: join(path, String(i)) }));
    } else if (value instanceof PickleUnknown) {
      for (const part of value.parts) this.visit({ value: part, path });
    }
  }

  private enterDict(dict: Map<unknown, unknown>, path: string, module?: string): void {
    for (const [key, value] of dict as Map<string, unknown>) {
      const tensor = tensorOf(value);
      const name = join(path, key);
      if (tensor === undefined) this.visit({ value, path: name, module });
      else this.tensors.push({ container: module ?? path, name, tensor });
    }
  }

  private enterModule(state: Map<unknown, unknown>, path: string, module: string): void {
    for (const part of MODULE_PARTS) this.enterDict(state.get(part) as Map<unknown, unknown>, path, module);
    for (const [key, value] of state as Map<string, unknown>) {
      if (!MODULE_PARTS.includes(key)) this.visit({ value, path: join(path, key) });
    }
  }
}

/** Tensors that are named by a dict or a module; those in lists have no names. Nearest to the top first. */
export function namedTensors(object: unknown): NamedTensor[] {
  const walk = new Walk();
  walk.run(object);
  return walk.tensors;
}
