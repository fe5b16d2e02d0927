/**
 * Which of a file's tensors are weights, by where they are used: a table of operators' inputs. An exporter writes weights, statistics, masks and numbers
 * of formulas alike.
 */
import type { FileModel, FileNode } from './model.js';
import type { NumberTensor } from './tensors.js';

/** `trained`: a weight; `statistic`: a running statistic of batch normalization; `constant`: all others. */
export type Role = 'trained' | 'statistic' | 'constant';

export interface RoleFound {
  role: Role;
  /** The node that has decided, and what of it the tensor is. */
  because: string;
}

/**
 * By the input's place: `weight` for what is nothing else; `operand` for what may be a bias, a token or an embedding as well as a number of a
 * formula.
 */
const uses: Readonly<Record<string, readonly ('weight' | 'statistic' | 'operand' | 'view' | null)[]>> = {
  Add: ['operand', 'operand'],
  BatchNormalization: [null, 'weight', 'weight', 'statistic', 'statistic'],
  Cast: ['view'],
  Concat: Array<'operand'>(64).fill('operand'),
  Conv: [null, 'weight', 'weight'],
  ConvTranspose: [null, 'weight', 'weight'],
  Div: ['operand', 'operand'],
  Einsum: Array<'weight'>(8).fill('weight'),
  Expand: ['view'],
  Flatten: ['view'],
  Gather: ['weight'],
  Gemm: ['weight', 'weight', 'weight'],
  GroupNormalization: [null, 'weight', 'weight'],
  Identity: ['view'],
  InstanceNormalization: [null, 'weight', 'weight'],
  LayerNormalization: [null, 'weight', 'weight'],
  MatMul: ['weight', 'weight'],
  Mul: ['operand', 'operand'],
  PRelu: [null, 'weight'],
  RMSNormalization: [null, 'weight'],
  Reshape: ['view'],
  Resize: ['operand'],
  Slice: ['view'],
  Split: ['view'],
  Squeeze: ['view'],
  Sub: ['operand', 'operand'],
  Sum: Array<'operand'>(8).fill('operand'),
  Tile: ['view'],
  Transpose: ['view'],
  Unsqueeze: ['view'],
  Where: [null, 'operand', 'operand'],
};

/** What may stand between the images and the first weights without being one: mean, deviation, layout. */
const preprocessing = new Set([
  'Add',
  'Cast',
  'Div',
  'Identity',
  'Mul',
  'Sub',
  'Transpose',
  'Reshape',
  'Resize',
  'Unsqueeze',
]);

/** Values that are the images themselves, normalized or in another layout. */
function imagesOf({ nodes, inputs }: FileModel): Set<string> {
  const images = new Set(inputs.map(({ name }) => name));
  for (const { type, inputs: from, outputs } of nodes)
    if (preprocessing.has(type) && from.some((name) => images.has(name))) outputs.forEach((name) => images.add(name));
  return images;
}

/** What is added to attention to rule places out: large negative numbers, and 0 elsewhere. */
function isMask({ data }: NumberTensor): boolean {
  let lowest = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value > 0 || (value < 0 && value > -10)) return false;
    lowest = Math.min(lowest, value);
  }
  return lowest < 0;
}

/**
 * The role of every tensor of float32 that the file holds.
 *
 * @param model as it has been read, nodes in opset 18's form
 */
export function rolesOf(model: FileModel): Map<string, RoleFound> {
  const { nodes, tensors, constants } = model;
  const images = imagesOf(model);
  const readers = new Map<string, [FileNode, number][]>();
  for (const node of nodes)
    node.inputs.forEach((name, i) => {
      if (name !== '') readers.set(name, [...(readers.get(name) ?? []), [node, i]]);
    });
  const floats = [...tensors].filter(([, { dtype }]) => dtype === 'float32');
  const hasWeights = floats.some(([name, { data }]) => !constants.has(name) && data.length > 1);

  const decide = (name: string, value: NumberTensor, seen: string, depth: number): RoleFound | undefined => {
    for (const [node, place] of readers.get(seen) ?? []) {
      const use = uses[node.type]?.[place] ?? null;
      const because = `input ${place} of ${node.name} (${node.type})`;
      if (use === 'statistic') return { role: 'statistic', because };
      if (use === 'weight' && value.shape.length > 0) return { role: 'trained', because };
      if (use === 'operand') {
        const isNumber = value.data.length < 2 || (hasWeights && constants.has(name));
        const isOfImages = node.inputs.some((input) => input !== seen && images.has(input));
        if (!isNumber && !isOfImages && !isMask(value)) return { role: 'trained', because };
      }
      const inner = use === 'view' && depth < 32 ? decide(name, value, node.outputs[0]!, depth + 1) : undefined;
      if (inner) return inner;
    }
    return undefined;
  };
  return new Map(
    floats.map(([name, value]) => [
      name,
      decide(name, value, name, 0) ?? { role: 'constant', because: 'no input that weights go to' },
    ]),
  );
}
