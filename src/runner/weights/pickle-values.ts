/** What a pickle's values are where they are no numbers, text, lists and dicts. */

/** What a name in a pickle stands for. */
export class PickleGlobal {
  /** @param call what calling it gives; without it, calling is refused */
  constructor(
    readonly name: string,
    readonly call?: (args: unknown[], more?: unknown) => unknown,
  ) {}
}

/** An object whose state a pickle sets after making it. */
export abstract class PickleObject {
  abstract setState(state: unknown): void;
}

/**
 * An object of a class that nobody here knows. It keeps what the pickle gives it and does nothing with it: a state dict may
 * lie in there.
 */
export class PickleUnknown extends PickleObject {
  /** What `__setstate__` or `__dict__` would get. */
  state: unknown = null;
  private list?: unknown[];
  private dict?: Map<unknown, unknown>;

  constructor(
    readonly name: string,
    readonly args: readonly unknown[],
  ) {
    super();
  }

  /** As a list has them. */
  get items(): unknown[] {
    return (this.list ??= []);
  }

  /** As a dict has them, those with text keys. */
  get entries(): Map<unknown, unknown> {
    return (this.dict ??= new Map());
  }

  /** Whatever it was given. */
  get parts(): unknown[] {
    return [...this.args, this.list, this.dict, this.state].filter((part) => typeof part === 'object' && part !== null);
  }

  setState(state: unknown): void {
    this.state = state;
  }
}

/** A class or function that nobody here knows: what it makes is unknown, too. */
export const unknownGlobal = (name: string): PickleGlobal =>
  new PickleGlobal(name, (args, more) => new PickleUnknown(name, [args, more]));

/**
 * Adds an entry if its key is text or a number, which becomes text: nobody asks for others, and numbers could be chosen to
 * collide in the Map.
 */
export function setText(dict: Map<unknown, unknown>, key: unknown, value: unknown): void {
  if (typeof key === 'string') dict.set(key, value);
  else if (typeof key === 'number') dict.set(String(key), value);
}
