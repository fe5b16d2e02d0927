/** What people write where a value of a graph is wanted. */
import { isValue } from '../onnx/nodes.js';

const isList = (x: unknown): x is unknown[] => Array.isArray(x) || ArrayBuffer.isView(x);

/** What came instead of a value, and what to write. */
function notAValue(x: unknown): string {
  if (typeof x === 'number') return `${x} is no value of a graph: write g.scalar(${x})`;
  if (x === undefined)
    return 'undefined is no value of a graph: a name that is misspelt, or a function that returns nothing?';
  if (!isList(x)) return `${typeof x === 'object' ? 'an object' : String(x)} is no value of a graph`;
  const shown = `[${Array.from(x as ArrayLike<unknown>, String)
    .slice(0, 8)
    .join(', ')}${x.length > 8 ? ', ...' : ''}]`;
  const isNumbers = Array.from(x as ArrayLike<unknown>).every((entry) => typeof entry === 'number');
  const advice = `write g.ints(${shown}) for axes, shapes and sizes, g.constant('float32', [${x.length}], ${shown}) for numbers`;
  return `${shown} is no value of a graph${isNumbers ? `: ${advice}` : ''}`;
}

const isInput = (input: unknown): boolean => input === null || isValue(input);

/** @param what begins the error @throws Error for what is neither a value nor null, saying what to write instead */
export function requireValues(what: string, inputs: readonly unknown[]): void {
  for (const x of inputs) if (!isInput(x)) throw new Error(`${what}: ${notAValue(x)}`);
}
