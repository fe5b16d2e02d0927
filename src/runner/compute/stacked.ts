/** Outputs of steps, or of runs of steps: numbers by name, each a row a step. */
import type { PlainTensor, PlainTensors } from './engine.js';

/** What each has given, one after the other. @param parts all with the same names */
export function stacked(parts: readonly PlainTensors[]): PlainTensors {
  const names = Object.keys(parts[0]!);
  return Object.fromEntries(
    names.map((name): [string, PlainTensor] => {
      const rows = parts.map((part) => part[name]!.data);
      const array = rows[0]!.constructor as new (length: number) => PlainTensor['data'];
      const data = new array(rows.reduce((n, row) => n + row.length, 0));
      rows.reduce((at, row) => (data.set(row as never, at), at + row.length), 0);
      return [name, { data, dims: [data.length] }];
    }),
  );
}
