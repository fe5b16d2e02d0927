/** Sums of products over named axes. */
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes, Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import type { Call, Operator } from './operator.js';
import { fail, input, sameType } from './operator.js';

interface Equation {
  /** A letter for each axis of each operand, and of the output. */
  operands: string[];
  output: string;
}

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/** The equation with letters in place of ellipses. */
function parse(attributes: Attributes, ranks: readonly number[]): Equation {
  const given = String(attributes['equation'] ?? fail('attribute equation is missing')).replaceAll(' ', '');
  const [left, right, ...more] = given.split('->') as [string, ...string[]];
  const terms = left.split(',');
  if (more.length || terms.length !== ranks.length) fail(`equation ${given} is not of ${ranks.length} operands`);
  for (const term of [...terms, right ?? ''])
    if (!/^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(term)) fail(`equation ${given}: ${term} is no list of axes`);
  const named = (term: string) => term.replace('...', '');
  const hidden = terms.map((term, i) => (term.includes('...') ? ranks[i]! - named(term).length : 0));
  terms.forEach((term, i) => {
    if (named(term).length + hidden[i]! !== ranks[i] || hidden[i]! < 0)
      fail(`equation ${given}: ${term} does not fit rank ${ranks[i]}`);
  });
  const count = hidden.reduce((most, axes) => Math.max(most, axes), 0);
  // ONNX Runtime 1.29 ends the process.
  if (terms.some((term, i) => term.includes('...') && hidden[i] !== count))
    fail(`equation ${given}: ellipses of different numbers of axes are not supported; reshape the operands`);
  const spare = letters.filter((letter) => !given.includes(letter)).slice(0, count);
  if (spare.length < count) fail(`equation ${given} leaves no letters for its ellipses`);
  const expand = (term: string) => term.replace('...', spare.join(''));
  const once = letters.filter((letter) => left.split(letter).length === 2);
  const implied = `${left.includes('...') ? '...' : ''}${once.toSorted().join('')}`;
  const output = expand(right ?? implied);
  if (new Set(output).size < output.length) fail(`equation ${given}: an axis of the output is named twice`);
  const operands = terms.map(expand);
  for (const letter of output)
    if (!operands.some((term) => term.includes(letter))) fail(`equation ${given}: no operand has axis ${letter}`);
  return { operands, output };
}

/** The size of each letter's axis; an axis of 1 is broadcast to it. */
function sizesOf({ operands }: Equation, shapes: readonly Shape[]): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  operands.forEach((term, i) =>
    [...term].forEach((letter, axis) => {
      const [before, size] = [sizes.get(letter) ?? 1, shapes[i]![axis]!];
      if (before !== 1 && size !== 1 && before !== size)
        fail(`axis ${letter} has ${before} and ${size} elements in ${shapes.map(showShape).join(', ')}`);
      sizes.set(letter, size === 1 ? before : size);
    }),
  );
  return sizes;
}

/**
 * The gradient of an operand is the sum of products of dy and all other operands over the axes that it has not. Axes that none of these has
 * are broadcast; what was broadcast itself is summed over.
 */
function slopeOf({ g, dy, x, attributes }: Call, at: number): Value {
  const shapes = x.map(({ shape }) => fixed(shape));
  const equation = parse(
    attributes,
    shapes.map(({ length }) => length),
  );
  const sizes = sizesOf(equation, shapes) as Map<string, number>;
  const [own, shape] = [equation.operands[at]!, shapes[at]!];
  if (new Set(own).size < own.length) fail(`no rule for ${own}, which names an axis twice`);
  // Axes of 1 that are broadcast are no axes of the sum.
  const [factors, terms] = [[dy], [equation.output]];
  x.forEach((value, i) => {
    if (i === at) return;
    const kept = [...equation.operands[i]!].map((letter, axis) => shapes[i]![axis] === sizes.get(letter));
    const isWhole = kept.every(Boolean);
    factors.push(
      isWhole
        ? value
        : reshaped(
            g,
            value,
            shapes[i]!.filter((_, axis) => kept[axis]),
          ),
    );
    terms.push([...equation.operands[i]!].filter((_, axis) => kept[axis]).join(''));
  });
  const isWanted = (letter: string, axis: number) =>
    shape[axis] === sizes.get(letter) && terms.some((term) => term.includes(letter));
  const found = [...own].filter(isWanted).join('');
  const sum =
    terms.length === 1 && terms[0] === found ? dy : g.op('Einsum', factors, { equation: `${terms.join()}->${found}` });
  if (found === own) return sum;
  const spread = reshaped(
    g,
    sum,
    shape.map((dim, axis) => (found.includes(own[axis]!) ? dim : 1)),
  );
  return g.op('Expand', [spread, g.ints(shape)]);
}

export const sums = {
  Einsum: {
    inputs: [1, Infinity],
    shape: (inputs, attributes) => {
      const shapes = inputs.map((_, i) => input(inputs, i).shape);
      const equation = parse(
        attributes,
        shapes.map(({ length }) => length),
      );
      const sizes = sizesOf(equation, shapes);
      return [{ dtype: sameType(inputs), shape: [...equation.output].map((letter) => sizes.get(letter)!) }];
    },
    attributes: { equation: 'string' },
    gradient: (call) => call.x.map((_, i) => () => slopeOf(call, i)),
  },
} satisfies Partial<Record<OperatorName, Operator>>;
