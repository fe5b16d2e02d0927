/** A file made ready to be written as a network: nodes in one version's form, roles of its tensors, and where images go in. */
import type { FileInput, FileModel } from './model.js';
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

/** Nodes in opset 18's form, and the roles of tensors. */
export function inOneVersion(model: FileModel): Pick<Prepared, 'model' | 'roles'> {
  const tensors = new Map(model.tensors);
  const constants = new Set(model.constants);
  const tensor = (value: NumberTensor): string => {
    const name = `upgraded/${tensors.size}`;
    tensors.set(name, value);
    constants.add(name);
    return name;
  };
  const nodes = model.nodes.map((node) => (node.domain === '' ? upgraded(node, { opset: model.opset, tensor }) : node));
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
