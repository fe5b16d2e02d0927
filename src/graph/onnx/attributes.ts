/** Attributes of nodes: their types, and how they are written. */
import type { AttributeProto } from './schema.js';
import type { Attributes, DType } from './types.js';
import { dtypeCode } from './types.js';

/** `dtype` takes the name of an element type. */
export type AttributeType = 'int' | 'ints' | 'float' | 'string' | 'dtype';

/** The attributes that an operator has. */
export type AttributeTypes = Readonly<Record<string, AttributeType>>;

const kinds: Record<AttributeType, { holds: (value: unknown) => boolean; wanted: string }> = {
  int: { holds: Number.isSafeInteger, wanted: 'an integer' },
  ints: { holds: (value) => Array.isArray(value) && value.every(Number.isSafeInteger), wanted: 'a list of integers' },
  float: { holds: (value) => typeof value === 'number', wanted: 'a number' },
  string: { holds: (value) => typeof value === 'string', wanted: 'a string' },
  dtype: { holds: (value) => Object.hasOwn(dtypeCode, String(value)), wanted: Object.keys(dtypeCode).join(', ') },
};

/** @throws Error naming an attribute that the operator has not, or that is of another type */
export function requireAttributes(types: AttributeTypes, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    if (!type) throw new Error(`it has no attribute ${name}; known: ${Object.keys(types).join(', ') || 'none'}`);
    if (!kinds[type].holds(value))
      throw new Error(`attribute ${name} is ${String(value)}; wanted: ${kinds[type].wanted}`);
  }
}

/** AttributeProto.AttributeType: ONNX tells integers from floats by it; 1 alone does not say which it is. */
function encodeAttribute(
  name: string,
  type: AttributeType | undefined,
  value: number | readonly number[] | string,
): AttributeProto {
  if (type === 'dtype') return { name, type: 2, i: dtypeCode[value as DType] };
  if (type === 'string') return { name, type: 3, s: new TextEncoder().encode(value as string) };
  if (type === 'ints') return { name, type: 7, ints: [...(value as readonly number[])] };
  return type === 'float' ? { name, type: 1, f: value as number } : { name, type: 2, i: value as number };
}

/** Those that are not undefined, in their order. */
export const encodeAttributes = (types: AttributeTypes, attributes: Attributes): AttributeProto[] =>
  Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : encodeAttribute(name, types[name], value),
  );
