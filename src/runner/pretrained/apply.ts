/** Weights out of a file into the flat vectors of a network, by torchvision's names. */
import { basename } from 'node:path';
import type { NetworkLayout, TensorSpec } from '../../graph/state.js';
import { elementCount } from '../../graph/state.js';
import { listSome } from '../data/list-some.js';
import { UserError } from '../errors.js';
import type { WeightFile, WeightTensor } from '../weights/weight-file.js';
import { foldInputScaling } from './inception-input.js';
import { publishedFiles } from './published.js';

export interface PretrainedReport {
  /** Tensors of the network that come from the file. */
  loaded: string[];
  /** Tensors of the file that the network has no use for, by their names there. */
  skipped: string[];
  /** Tensors of the network that stay as they were. */
  fresh: string[];
  /** What else a person should know. */
  notes: string[];
}

export interface NetworkVectors {
  /** Laid out as `layout.params`. */
  params: Float32Array;
  /** Laid out as `layout.buffers`. */
  buffers: Float32Array;
}

/** The backbone's last layer depends on `featDim`, the head (`dense`) on `embedDim`; the rest is the body. */
type Part = 'body' | 'last' | 'head';

/** A tensor's place in the network. */
interface Slot {
  name: string;
  shape: number[];
  part: Part;
  /** Its part of the flat vector. */
  values: Float32Array;
}

const isHead = (name: string): boolean => name.startsWith('dense.');

function slotsOf(specs: readonly TensorSpec[], vector: Float32Array, bodyCount: number): Slot[] {
  let end = 0;
  return specs.map(({ name, shape }) => {
    const begin = end;
    end += elementCount(shape);
    const part = begin < bodyCount ? 'body' : isHead(name) ? 'head' : 'last';
    return { name, shape, part, values: vector.subarray(begin, end) };
  });
}

/** `features.denseblock1.denselayer1.norm.1.weight`, as files from before PyTorch 0.4 have it: torchvision's own pattern. */
const OLD_DENSENET = /^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$/;

/** What a tensor of a file is called in our layout. */
function layoutName(name: string): string {
  const bare = name
    .replace(/^module\./, '')
    .replace(/^base_net\./, '')
    .replace(OLD_DENSENET, '$1$2');
  return isHead(bare) ? bare : `base_net.${bare}`;
}

function byLayoutName(file: WeightFile): Map<string, WeightTensor> {
  const tensors = new Map<string, WeightTensor>();
  for (const tensor of file.tensors) {
    const name = layoutName(tensor.name);
    const other = tensors.get(name);
    if (other) {
      throw new UserError(
        `${file.path} holds two tensors for ${name}: ${other.name} and ${tensor.name}. Give a file with one of them.`,
      );
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

const isSameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** @throws UserError when the file is of another network: lists the tensors that it lacks or that have other shapes */
function requireFit(file: WeightFile, slots: readonly Slot[], tensors: ReadonlyMap<string, WeightTensor>): void {
  const advice = 'Give weights of this --model, or the --model that they are of.';
  if (!slots.some(({ name }) => tensors.has(name))) {
    const first = file.tensors[0];
    throw new UserError(
      `${file.path} (${file.format}) holds no weights of this network: none of its tensors (${file.tensors.length}) has a ` +
        `name of torchvision's${first ? `; the first is called ${first.name}` : ''}. ${advice}`,
    );
  }
  const problems = slots.flatMap(({ name, shape }) => {
    const tensor = tensors.get(name);
    if (!tensor) return [`${name}: not in the file, [${shape}] in the network`];
    return isSameShape(tensor.shape, shape)
      ? []
      : [`${name}: [${tensor.shape}] in the file, [${shape}] in the network`];
  });
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'one tensor' : `${problems.length} tensors`;
  throw new UserError(
    `${file.path} (${file.format}) does not fit the network in ${count}:\n${listSome(problems)}\n${advice}`,
  );
}

/** @throws UserError when a value is infinite or not a number: a training from there would never come back */
async function copy(file: WeightFile, tensor: WeightTensor, { values }: Slot): Promise<void> {
  values.set(await tensor.read());
  let sum = 0;
  // x - x is 0, or NaN for what is not finite.
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!;
  if (sum === 0) return;
  throw new UserError(`${file.path}: tensor ${tensor.name} holds values that are not finite. Give another file.`);
}

const scaledInception = publishedFiles['inception_v3']!.v1;
const FIRST_WEIGHT = 'base_net.Conv2d_1a_3x3.conv.weight';
const FIRST_MEAN = 'base_net.Conv2d_1a_3x3.bn.running_mean';

/** Adapts the published inception_v3, which is known by its name: nothing inside tells it from others. */
function adaptInception(file: WeightFile, slots: ReadonlyMap<string, Slot>): string[] {
  const [weight, mean] = [slots.get(FIRST_WEIGHT), slots.get(FIRST_MEAN)];
  if (!weight || !mean) return [];
  const [stem] = scaledInception.split('.');
  if (!basename(file.path).startsWith(stem!)) {
    return [
      `taken as weights for images normalized by ImageNet's mean and standard deviation. If they come from ` +
        `${scaledInception}, which is for images in [-1, 1], let the file's name begin with ${stem}, and they are adapted.`,
    ];
  }
  foldInputScaling(weight.values, mean.values);
  return [
    `${scaledInception} is for images in [-1, 1]: ${FIRST_WEIGHT} and ${FIRST_MEAN} were changed to give ` +
      `the same with images normalized by ImageNet's mean and standard deviation.`,
  ];
}

/**
 * Writes a file's tensors into the flat vectors of a network.
 *
 * A leading `module.` and then `base_net.` of a name are dropped; torchvision's name X is `base_net.X` here, and `dense` is
 * the head. The backbone's last layer is loaded when its shape fits, and else left as it is; so is the head when the file
 * has none. All other tensors must be there in their shapes, running statistics too. Nothing is written before that is
 * known; a file that can't be read later leaves the vectors half written.
 *
 * @param layout of `describeNetwork`
 * @throws UserError naming the file, and the tensors that it lacks, that have other shapes (with both) or bad values
 */
export async function applyWeights(
  file: WeightFile,
  layout: NetworkLayout,
  vectors: NetworkVectors,
): Promise<PretrainedReport> {
  const slots = [
    ...slotsOf(layout.params, vectors.params, layout.bodyCount),
    ...slotsOf(layout.buffers, vectors.buffers, Infinity),
  ];
  const tensors = byLayoutName(file);
  const fits = ({ name, shape }: Slot) => isSameShape(tensors.get(name)?.shape ?? [NaN], shape);
  const inPart = (part: Part) => slots.filter((slot) => slot.part === part);
  const isFresh: Record<Part, boolean> = {
    body: false,
    last: !inPart('last').every(fits),
    head: !inPart('head').some(({ name }) => tensors.has(name)),
  };
  const wanted = slots.filter(({ part }) => !isFresh[part]);
  requireFit(file, wanted, tensors);
  for (const slot of wanted) await copy(file, tensors.get(slot.name)!, slot);

  const loaded = wanted.map(({ name }) => name);
  const used = new Set(wanted.map(({ name }) => tensors.get(name)!));
  return {
    loaded,
    skipped: file.tensors.filter((tensor) => !used.has(tensor)).map(({ name }) => name),
    fresh: slots.filter(({ part }) => isFresh[part]).map(({ name }) => name),
    notes: adaptInception(file, new Map(slots.map((slot) => [slot.name, slot]))),
  };
}
