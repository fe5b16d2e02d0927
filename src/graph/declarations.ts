/** Options that a loss, sampling, optimizer or backbone declares for itself: as data, so that a command line can show and check them. */

export type OptionValue = number | boolean | string;

export interface OptionDeclaration<T extends OptionValue = OptionValue> {
  description: string;
  /** Also tells the option's type: a number, a switch, or text. */
  default: T;
  /** Of a number: bounds, `above` and `below` exclusive. */
  min?: number;
  above?: number;
  max?: number;
  below?: number;
  /** Of a number: whole ones only. */
  integer?: boolean;
  /** Of text: the values that it may have. */
  oneOf?: readonly string[];
}

export type Declarations = Readonly<Record<string, OptionDeclaration>>;

type Widened<T> = T extends number ? number : T extends boolean ? boolean : string;

/** The values of declared options. */
export type ValuesOf<D extends Declarations> = { [Key in keyof D]: Widened<D[Key]['default']> };

/** `--lr-beta` for `lrBeta`. */
export const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Completes "give ..."; undefined where a value is fine. */
export function complaint(declared: OptionDeclaration, value: unknown): string | undefined {
  const { default: initial, min, above, max, below, integer, oneOf } = declared;
  if (typeof initial === 'boolean') return typeof value === 'boolean' ? undefined : 'true or false';
  if (typeof initial === 'string') {
    if (typeof value !== 'string') return 'text';
    return !oneOf || oneOf.includes(value) ? undefined : `one of ${oneOf.join(', ')}`;
  }
  const number = value as number;
  const holds =
    typeof value === 'number' &&
    Number.isFinite(number) &&
    (!integer || Number.isSafeInteger(number)) &&
    number >= (min ?? -Infinity) &&
    number <= (max ?? Infinity) &&
    number > (above ?? -Infinity) &&
    number < (below ?? Infinity);
  if (holds) return undefined;
  const bounds = [
    min !== undefined && `${min} or more`,
    above !== undefined && `above ${above}`,
    max !== undefined && `at most ${max}`,
    below !== undefined && `below ${below}`,
  ].filter(Boolean);
  return [integer ? 'a whole number' : 'a number', bounds.join(', ')].filter(Boolean).join(': ');
}

/**
 * The values of declared options, defaults where none is given.
 *
 * @throws Error naming an option that is not declared, or whose value does not fit
 */
export function valuesOf<D extends Declarations>(
  declarations: D,
  given: Readonly<Record<string, unknown>> = {},
): ValuesOf<D> {
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(declarations, key)) {
      const known = Object.keys(declarations).map(flagOf).join(', ') || 'none';
      throw new Error(`${flagOf(key)}: there is no such option; known: ${known}`);
    }
    const wanted = value === undefined ? undefined : complaint(declarations[key]!, value);
    if (wanted) throw new Error(`${flagOf(key)} ${String(value)}: give ${wanted}.`);
  }
  const values = Object.entries(declarations).map(([key, { default: initial }]) => [key, given[key] ?? initial]);
  return Object.fromEntries(values) as ValuesOf<D>;
}

/** The exchangeable parts of a training. */
export type PartName = 'backbone' | 'loss' | 'sampling' | 'optimizer';

/** What a part has thrown, or returned that is not what its contract says; `cause` has the stack. */
export class PartError extends Error {
  constructor(
    readonly part: PartName,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Runs what a part has written, and what checks it. @throws PartError */
export function inPart<T>(part: PartName, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof PartError ? error : new PartError(part, error);
  }
}
