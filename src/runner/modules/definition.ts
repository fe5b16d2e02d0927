/** Whether what a module exports is the definition of a part. */
import type { OptionDeclaration, OptionValue } from '../../graph/declarations.js';
import { complaint } from '../../graph/declarations.js';
import { unknownKey } from '../../graph/known-names.js';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isOptionValue = (value: unknown): value is OptionValue => ['number', 'boolean', 'string'].includes(typeof value);

const bounds = ['min', 'above', 'max', 'below'] as const;

/** What an option may declare besides its description, by the type of its default. */
const fields: Record<string, readonly (keyof OptionDeclaration)[]> = {
  number: ['default', ...bounds, 'integer'],
  boolean: ['default'],
  string: ['default', 'oneOf'],
};

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');

/** What keeps an option's declaration from being one. */
function badOption(key: string, declared: unknown): string | undefined {
  // Commander takes --no-x for an x that is off.
  if (/^no[A-Z]/.test(key)) return `option ${key}: a name can't begin with no`;
  if (!/^[a-z][A-Za-z0-9]{0,39}$/.test(key))
    return `option ${key}: names are camelCase, as marginScale for --margin-scale`;
  if (!isObject(declared)) return `option ${key} has no description`;
  const { description, default: initial, oneOf, integer } = declared;
  if (typeof description !== 'string') return `option ${key} has no description`;
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(description) || description.length > 1000)
    return `option ${key}: its description is no text in one line`;
  if (!isOptionValue(initial))
    return `option ${key}: its default is ${initial === null ? 'null' : typeof initial}: give a number, a text, true or false`;
  const unknown = unknownKey(`option ${key}`, declared, ['description', ...fields[typeof initial]!]);
  if (unknown !== undefined) return unknown;
  const given = bounds.filter((name) => declared[name] !== undefined);
  const badBound = given.find((name) => !Number.isFinite(declared[name]));
  if (badBound) return `option ${key}: ${badBound} is no number`;
  if (oneOf !== undefined && !isTexts(oneOf)) return `option ${key}: oneOf is no list of texts`;
  if (integer !== undefined && typeof integer !== 'boolean') return `option ${key}: integer is neither true nor false`;
  const limits = Object.fromEntries(given.map((name) => [name, Number(declared[name])]));
  const wanted = complaint({ description, default: initial, integer, oneOf, ...limits }, initial);
  return wanted && `option ${key}: its default must be ${wanted}`;
}

/** What keeps a module's export from being a definition. */
export function badDefinition(definition: unknown): string | undefined {
  if (!isObject(definition)) return 'it has no default export that is an object';
  const { name, options, create } = definition;
  if (typeof name !== 'string' || !/^[A-Za-z][\w.-]{0,63}$/.test(name)) return 'its name is no short word';
  if (typeof create !== 'function') return 'it has no function create';
  if (!isObject(options)) return 'it has no options: give {} for none';
  const unknown = unknownKey('what it exports', definition, ['name', 'options', 'create']);
  if (unknown !== undefined) return unknown;
  return Object.entries(options)
    .map(([key, declared]) => badOption(key, declared))
    .find((bad) => bad !== undefined);
}
