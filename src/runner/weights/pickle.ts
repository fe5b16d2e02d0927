/**
 * Python's pickle format as `torch.save` writes it, read as data: nothing in it can name code that then runs.
 * https://docs.python.org/3/library/pickletools.html
 *
 * A pickle is a program for a stack machine. This one knows the operations for containers, numbers and text of the
 * protocols 1 to 5, and calls only what the caller's table of globals holds; what else a pickle names and calls becomes a
 * `PickleUnknown`, which holds what it was given and does nothing. It does not recurse and makes at most one
 * small value an operation, so that depth, time and memory are bounded by `MAX_WORK` and the bytes given.
 *
 * Values: None is null, an int a number (a bigint where that would be inexact), text a string, bytes a Uint8Array; a
 * list, a tuple or a set is an array, a dict a Map of its entries with text keys. They may share parts and contain
 * themselves: look, don't recurse.
 */
import type { UserError } from '../base/errors.js';
import { PickleGlobal, PickleObject, PickleUnknown, setText } from './pickle-values.js';

export interface PickleWorld {
  /** @throws UserError for a name that is refused */
  find(name: string): PickleGlobal;
  /** The object behind a persistent id: a value that the pickle describes but does not hold. */
  persistent(id: unknown): unknown;
  /** The error for a damaged file. */
  fail(what: string): UserError;
  /** The error for a sound file that is not read as it is. */
  refuse(what: string): UserError;
}

/**
 * A checkpoint of 400 tensors with Adam's moments takes some 100,000, a NumPy scalar in a list of them 30. Memory for all of it: 256
 * MiB and what the bytes themselves take.
 */
const MAX_WORK = 9_000_000;

/** What an operation counts for beyond its own 1, by what it makes: some 30 bytes of memory each. */
const LIST = 2;
const OBJECT = 7;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isSafe = (value: bigint): boolean => value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;

class Machine {
  private readonly stack: unknown[] = [];
  /** Lengths of the stack at the open marks. */
  private readonly marks: number[] = [];
  private readonly memo: unknown[] = [];
  private work = 0;

  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
    private readonly world: PickleWorld,
  ) {}

  run(): unknown {
    for (;;) {
      this.charge(1);
      const code = this.uint(1);
      const operation = OPERATIONS.get(code);
      if (operation === undefined && TEXT_OPERATIONS.has(code))
        throw this.world.refuse('is written in protocol 0 of pickle, in which PyTorch itself finds no tensors');
      if (operation === undefined) throw this.fail(`it has the unknown operation 0x${code.toString(16)}`);
      if (operation === STOP) return this.pop();
      operation(this);
    }
  }

  fail(what: string): UserError {
    return this.world.fail(`its pickle is broken at byte ${this.position}: ${what}`);
  }

  /** Counts work against the limit. */
  charge(work: number): void {
    this.work += work;
    if (this.work > MAX_WORK) {
      throw this.world.refuse(`holds more than can be read: its pickle takes over ${MAX_WORK} operations`);
    }
  }

  take(length: number): Uint8Array {
    const { length: size } = this.bytes;
    if (length > size - this.position) throw this.fail(`it does not end within ${size} bytes`);
    return this.bytes.subarray(this.position, (this.position += length));
  }

  /** A little-endian unsigned integer. */
  uint(length: number): number {
    return this.take(length).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** A little-endian two's complement integer of up to 255 bytes. */
  int(length: number): number | bigint {
    const hex = Buffer.from(this.take(length)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * length, BigInt(`0x0${hex}`));
    return isSafe(value) ? Number(value) : value;
  }

  float(): number {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw this.fail('a text is not UTF-8');
    }
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw this.fail('a line does not end');
    const line = this.text(end - this.position);
    this.position++;
    return line;
  }

  /** An integer as text; 00 and 01 are what False and True were before protocol 2. */
  decimal(): number | bigint | boolean {
    const line = this.line();
    if (line === '00' || line === '01') return line === '01';
    const [, digits] = /^(-?\d{1,600})L?$/.exec(line) ?? [];
    if (digits === undefined) throw this.fail('a number is none');
    const value = BigInt(digits);
    return isSafe(value) ? Number(value) : value;
  }

  /** An integer of thousands of bits; its value is of no interest. */
  longInt(): void {
    this.take(this.uint(4));
    this.make(OBJECT, new PickleUnknown('int', []));
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  /** @param work see `MAX_WORK` */
  make(work: number, value: unknown): void {
    this.charge(work);
    this.push(value);
  }

  private get floor(): number {
    return this.marks.at(-1) ?? 0;
  }

  pop(): unknown {
    if (this.stack.length <= this.floor) throw this.fail('a value is missing');
    return this.stack.pop();
  }

  /** Takes back a value, or an open mark above which there is none. */
  drop(): void {
    if (this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  top(): unknown {
    if (this.stack.length <= this.floor) throw this.fail('a value is missing');
    return this.stack.at(-1);
  }

  /** The last `count` values, in order. */
  popMany(count: number): unknown[] {
    if (this.stack.length - count < this.floor) throw this.fail('a value is missing');
    return this.stack.splice(this.stack.length - count);
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popMark(): unknown[] {
    const start = this.marks.pop();
    if (start === undefined) throw this.fail('a mark is missing');
    return this.stack.splice(start);
  }

  /** Python 3 counts from 0, Python 2 from 1. */
  remember(key = this.memo.length): void {
    if (key > this.memo.length + 1) throw this.fail('it numbers its values out of order');
    this.memo[key] = this.top();
  }

  recall(key: number): void {
    if (!(key in this.memo)) throw this.fail(`it refers to value ${key}, which it never made`);
    this.push(this.memo[key]);
  }

  append(items: readonly unknown[]): void {
    const top = this.top();
    const list = top instanceof PickleUnknown ? top.items : top;
    if (!Array.isArray(list)) throw this.fail('items go into something that is no list');
    for (const item of items) list.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const top = this.top();
    const dict = top instanceof PickleUnknown ? top.entries : top;
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw this.fail('entries go into something that is no dict');
    this.charge(items.length);
    for (let i = 0; i < items.length; i += 2) setText(dict, items[i], items[i + 1]);
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.fail('a name is no text');
    this.make(OBJECT, this.world.find(`${module}.${name}`));
  }

  /** @param more arguments by name, which only unknown objects keep */
  call(more?: unknown): void {
    this.charge(OBJECT);
    const args = this.pop();
    const callee = this.pop();
    if (!Array.isArray(args)) throw this.fail('it calls something without a list of arguments');
    // What an unknown object gives when it is called, as a method bound to it does, is as unknown.
    if (callee instanceof PickleUnknown) return this.push(new PickleUnknown(callee.name, [args, more]));
    if (!(callee instanceof PickleGlobal)) throw this.fail('it calls something that is no function');
    if (callee.call === undefined) throw this.fail(`it can't call ${callee.name} like this`);
    // A call may copy what its arguments hold, and the next one the same values again.
    for (const arg of args.slice(0, 8)) if (Array.isArray(arg)) this.charge(arg.length);
    this.push(callee.call(args, more));
  }

  callWithNames(): void {
    this.call(this.pop());
  }

  build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof PickleObject) object.setState(state);
    // The attributes of an OrderedDict: `_metadata`, versions of modules, no weights.
    else if (!(object instanceof Map)) throw this.fail('it sets the state of something that has none');
  }

  persistent(): void {
    this.make(OBJECT, this.world.persistent(this.pop()));
  }
}

type Operation = (machine: Machine) => void;

const STOP: Operation = () => undefined;

/** Python's names, codes and effects. */
const TABLE: Record<string, [code: number, Operation]> = {
  PROTO: [0x80, (m) => m.take(1)],
  FRAME: [0x95, (m) => m.take(8)],
  STOP: [0x2e, STOP],
  MARK: [0x28, (m) => m.mark()],

  NONE: [0x4e, (m) => m.push(null)],
  NEWTRUE: [0x88, (m) => m.push(true)],
  NEWFALSE: [0x89, (m) => m.push(false)],
  BININT: [0x4a, (m) => m.push(m.int(4))],
  BININT1: [0x4b, (m) => m.push(m.uint(1))],
  BININT2: [0x4d, (m) => m.push(m.uint(2))],
  LONG1: [0x8a, (m) => m.push(m.int(m.uint(1)))],
  LONG4: [0x8b, (m) => m.longInt()],
  INT: [0x49, (m) => m.push(m.decimal())],
  LONG: [0x4c, (m) => m.push(m.decimal())],
  BINFLOAT: [0x47, (m) => m.push(m.float())],

  BINUNICODE: [0x58, (m) => m.push(m.text(m.uint(4)))],
  SHORT_BINUNICODE: [0x8c, (m) => m.push(m.text(m.uint(1)))],
  BINUNICODE8: [0x8d, (m) => m.push(m.text(m.uint(8)))],
  // Python 2's str, which is text in the files that it wrote.
  BINSTRING: [0x54, (m) => m.push(m.text(m.uint(4)))],
  SHORT_BINSTRING: [0x55, (m) => m.push(m.text(m.uint(1)))],
  BINBYTES: [0x42, (m) => m.make(OBJECT, m.take(m.uint(4)))],
  SHORT_BINBYTES: [0x43, (m) => m.make(OBJECT, m.take(m.uint(1)))],
  BINBYTES8: [0x8e, (m) => m.make(OBJECT, m.take(m.uint(8)))],
  BYTEARRAY8: [0x96, (m) => m.make(OBJECT, m.take(m.uint(8)))],

  EMPTY_LIST: [0x5d, (m) => m.make(LIST, [])],
  EMPTY_TUPLE: [0x29, (m) => m.make(LIST, [])],
  EMPTY_SET: [0x8f, (m) => m.make(LIST, [])],
  FROZENSET: [0x91, (m) => m.make(LIST, m.popMark())],
  EMPTY_DICT: [0x7d, (m) => m.make(OBJECT, new Map())],
  TUPLE: [0x74, (m) => m.make(LIST, m.popMark())],
  TUPLE1: [0x85, (m) => m.make(LIST, m.popMany(1))],
  TUPLE2: [0x86, (m) => m.make(LIST, m.popMany(2))],
  TUPLE3: [0x87, (m) => m.make(LIST, m.popMany(3))],
  APPEND: [0x61, (m) => m.append(m.popMany(1))],
  APPENDS: [0x65, (m) => m.append(m.popMark())],
  ADDITEMS: [0x90, (m) => m.append(m.popMark())],
  SETITEM: [0x73, (m) => m.setItems(m.popMany(2))],
  SETITEMS: [0x75, (m) => m.setItems(m.popMark())],

  // Tuples that contain themselves are taken apart again.
  POP: [0x30, (m) => m.drop()],
  POP_MARK: [0x31, (m) => void m.popMark()],

  BINPUT: [0x71, (m) => m.remember(m.uint(1))],
  LONG_BINPUT: [0x72, (m) => m.remember(m.uint(4))],
  MEMOIZE: [0x94, (m) => m.remember()],
  BINGET: [0x68, (m) => m.recall(m.uint(1))],
  LONG_BINGET: [0x6a, (m) => m.recall(m.uint(4))],

  GLOBAL: [0x63, (m) => m.global(m.line(), m.line())],
  STACK_GLOBAL: [0x93, (m) => m.global(...(m.popMany(2) as [unknown, unknown]))],
  REDUCE: [0x52, (m) => m.call()],
  NEWOBJ: [0x81, (m) => m.call()],
  NEWOBJ_EX: [0x92, (m) => m.callWithNames()],
  BUILD: [0x62, (m) => m.build()],
  BINPERSID: [0x51, (m) => m.persistent()],
};

/** FLOAT, STRING, UNICODE, LIST, DICT, INST, PERSID, PUT and GET, which protocol 1 and later ones do without. */
const TEXT_OPERATIONS = new Set(Buffer.from('FSVldiPpg'));

const OPERATIONS: ReadonlyMap<number, Operation> = new Map(Object.values(TABLE));

/**
 * Reads the pickle that begins at `start`.
 *
 * @returns its value, and where the bytes after it begin
 * @throws UserError by `world.fail` when it is broken or takes too long, by `world.find` for a name that is refused
 */
export function readPickle(bytes: Uint8Array, start: number, world: PickleWorld): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, world);
  const value = machine.run();
  return { value, end: machine.position };
}
