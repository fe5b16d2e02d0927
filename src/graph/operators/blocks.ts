/** Operators that repeat elements, mask them, or move blocks of them between channels and places. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { inFloat32 } from '../lowerings/sums.js';
import type { Attributes } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import type { Operator, OperatorInput, OperatorInputs } from './operator.js';
import { constant, fail, input, int, known } from './operator.js';

/** [N, C, H, W] and the width of a block. */
function blocksOf(inputs: OperatorInputs, attributes: Attributes): { x: OperatorInput; size: number } {
  const x = input(inputs, 0);
  const size = int(attributes, 'blocksize', 0);
  if (x.shape.length !== 4) fail(`${showShape(x.shape)} is not [N, C, H, W]`);
  return size > 0 ? { x, size } : fail('attribute blocksize is missing');
}

/** The reverse of DepthToSpace in the order CRD, in which a channel's block stands together. */
function gathered(g: Nodes, y: Value, size: number): Value {
  const [batch, channels, height, width] = fixed(y.shape) as [number, number, number, number];
  const [rows, columns] = [height / size, width / size];
  const apart = reshaped(g, y, [batch, channels, rows, size, columns, size]);
  const moved = g.op('Transpose', [apart], { perm: [0, 1, 3, 5, 2, 4] });
  return reshaped(g, moved, [batch, channels * size * size, rows, columns]);
}

export const blocks = {
  /** SpaceToDepth, which has the order DCR; of CRD its own reverse. */
  DepthToSpace: {
    inputs: [1, 1],
    shape: (inputs, attributes) => {
      const { x, size } = blocksOf(inputs, attributes);
      const [batch, channels, height, width] = x.shape;
      const { mode = 'DCR' } = attributes;
      if (mode !== 'DCR' && mode !== 'CRD') fail(`mode is ${String(mode)}; wanted: DCR, CRD`);
      if (known(channels) % size ** 2) fail(`${channels} channels are no multiple of ${size ** 2}`);
      const shape = [batch!, known(channels) / size ** 2, known(height) * size, known(width) * size];
      return [{ dtype: x.dtype, shape }];
    },
    attributes: { blocksize: 'int', mode: 'string' },
    gradient: ({ g, dy, attributes }) => {
      const size = int(attributes, 'blocksize', 0);
      return [
        () => (attributes['mode'] === 'CRD' ? gathered(g, dy, size) : g.op('SpaceToDepth', [dy], { blocksize: size })),
      ];
    },
  },
  SpaceToDepth: {
    inputs: [1, 1],
    shape: (inputs, attributes) => {
      const { x, size } = blocksOf(inputs, attributes);
      const [batch, channels, height, width] = x.shape;
      if (known(height) % size || known(width) % size) fail(`${showShape(x.shape)} has no whole blocks of ${size}`);
      const shape = [batch!, known(channels) * size ** 2, known(height) / size, known(width) / size];
      return [{ dtype: x.dtype, shape }];
    },
    attributes: { blocksize: 'int' },
    gradient: ({ g, dy, attributes }) => [
      () => g.op('DepthToSpace', [dy], { blocksize: attributes['blocksize'], mode: 'DCR' }),
    ],
  },
  /** Summed over the repetitions. */
  Tile: {
    inputs: [2, 2],
    shape: (inputs) => {
      const { dtype, shape } = input(inputs, 0);
      const repeats = constant(inputs, 1);
      if (repeats.length !== shape.length) fail(`${repeats.length} repeats for ${shape.length} axes`);
      return [{ dtype, shape: shape.map((dim, i) => (repeats[i] === 1 ? dim : known(dim) * repeats[i]!)) }];
    },
    attributes: {},
    gradient: ({ g, dy, x: [x, repeats] }) => [
      () => {
        const shape = fixed(x!.shape);
        const apart = shape.flatMap((dim, i) => (repeats!.data![i] === 1 ? [dim] : [repeats!.data![i]!, dim]));
        const axes: number[] = [];
        let place = 0;
        for (const times of repeats!.data!) {
          if (times !== 1) axes.push(place++);
          place++;
        }
        if (!axes.length) return dy;
        return inFloat32(g, reshaped(g, dy, apart), (slopes) =>
          g.op('ReduceSum', [slopes, g.ints(axes)], { keepdims: 0 }),
        );
      },
      null,
    ],
  },
  /** What was kept. */
  Trilu: {
    inputs: [1, 2],
    shape: (inputs) => {
      const { dtype, shape } = input(inputs, 0);
      if (shape.length < 2) fail(`${showShape(shape)} has no two axes`);
      return [{ dtype, shape }];
    },
    attributes: { upper: 'int' },
    gradient: ({ g, dy, x: [, k], attributes }) => [() => g.op('Trilu', k ? [dy, k] : [dy], attributes), null],
  },
} satisfies Partial<Record<OperatorName, Operator>>;
