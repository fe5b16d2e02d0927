/** A file made ready to be written as a network: nodes in one version's form, roles of its tensors, and where images go in. */
import type { FileInput, FileModel, FileNode } from './model.js';
import type { RoleFound } from './roles.js';
import { rolesOf } from './roles.js';
import type { NumberTensor } from './tensors.js';
import { dtypeOf } from './tensors.js';
import { upgraded } from './upgrade.js';

/** How a file's input has images: which axis the colors are. */
export type ImageLayout = 'NCHW' | 'NHWC';

export interface ImageInput {
  name: string;
  layout: ImageLayout;
  /** A number where the file asks for it; [batch, 3, height, width], or [batch, height, width, 3]. */
  shape: readonly (number | undefined)[];
  /** `uint8`: pixels as they are. */
  dtype: 'float32' | 'uint8';
}

export interface Prepared {
  model: FileModel;
  roles: ReadonlyMap<string, RoleFound>;
  input: ImageInput;
}

const shownInput = ({ name, shape }: FileInput): string =>
  `${name} ${shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : '(of any rank)'}`;

const isColors = (dim: number | undefined): boolean => dim === 3 || dim === undefined;

/** Where images may go in; undefined for an input of another kind. */
function imageInput({ name, shape, elementType }: FileInput): ImageInput | undefined {
  const dtype = elementType === 0 ? 'float32' : dtypeOf(elementType);
  if (shape?.length !== 4 || (dtype !== 'float32' && dtype !== 'uint8')) return undefined;
  const layout = shape[1] !== 3 && shape[3] === 3 ? 'NHWC' : 'NCHW';
  return isColors(layout === 'NHWC' ? shape[3] : shape[1]) ? { name, layout, shape, dtype } : undefined;
}

/** @throws Error that lists what there is, where no input or several take images */
function chosenInput({ inputs }: FileModel, wanted: string): ImageInput {
  const listed = inputs.map(shownInput).join(', ') || 'none';
  if (wanted !== '') {
    const named = inputs.find(({ name }) => name === wanted);
    if (!named) throw new Error(`there is no input ${wanted}; it has: ${listed}`);
    const image = imageInput(named);
    if (image) return image;
    throw new Error(`the input ${shownInput(named)} takes no images: float32 or uint8 of [N, 3, H, W] or [N, H, W, 3]`);
  }
  const found = inputs.flatMap((input) => imageInput(input) ?? []);
  if (found.length === 1) return found[0]!;
  const what = found.length === 0 ? 'no input takes images' : 'several inputs take images, name one with --input';
  throw new Error(`${what}: float32 or uint8 of [N, 3, H, W] or [N, H, W, 3] is wanted; it has: ${listed}`);
}

/**
 * Nodes behind those that they read, which some exporters do not write so; else in the file's order.
 *
 * @throws Error for nodes that read each other, and for two that give one tensor
 */
function sorted(nodes: readonly FileNode[]): FileNode[] {
  const makers = new Map<string, FileNode>();
  for (const node of nodes)
    for (const name of node.outputs.filter((one) => one !== '')) {
      if (makers.has(name)) throw new Error(`two nodes give ${name}: ${makers.get(name)!.name} and ${node.name}`);
      makers.set(name, node);
    }
  const done = new Set<FileNode>();
  const open = new Set<FileNode>();
  const list: FileNode[] = [];
  // By hand: files may be deeper than the stack.
  for (const first of nodes) {
    const stack = [first];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const next = node.inputs.flatMap((name) => makers.get(name) ?? []).find((maker) => !done.has(maker));
      if (next && !done.has(node)) {
        if (open.has(next)) throw new Error(`the nodes ${next.name} and ${node.name} read each other`);
        open.add(node);
        stack.push(next);
        continue;
      }
      stack.pop();
      open.delete(node);
      if (!done.has(node)) list.push(node);
      done.add(node);
    }
  }
  return list;
}

/** Nodes in opset 18's form, and the roles of tensors. @throws Error for nodes that can't be put in order */
export function inOneVersion(model: FileModel): Pick<Prepared, 'model' | 'roles'> {
  const tensors = new Map(model.tensors);
  const constants = new Set(model.constants);
  const tensor = (value: NumberTensor): string => {
    const name = `upgraded/${tensors.size}`;
    tensors.set(name, value);
    constants.add(name);
    return name;
  };
  const nodes = sorted(model.nodes).map((node) =>
    node.domain === '' ? upgraded(node, { opset: model.opset, tensor }) : node,
  );
  const ready = { ...model, nodes, tensors, constants };
  return { model: ready, roles: rolesOf(ready) };
}

/**
 * @param input the name of the input that takes images; '' to find it by its shape
 * @throws Error when no input takes images
 */
export const prepared = (model: FileModel, input = ''): Prepared => ({
  ...inOneVersion(model),
  input: chosenInput(model, input),
});
