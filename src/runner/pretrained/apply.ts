/** Weights out of a file into the flat vectors of a network. */
import { basename } from 'node:path';
import type { NetworkLayout, TensorSpec } from '../../graph/state/state.js';
import { elementCount } from '../../graph/onnx/types.js';
import type { Normalization } from '../../graph/preprocessing.js';
import { imageNet } from '../../graph/preprocessing.js';
import { allFinite } from '../base/all-finite.js';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { WeightFile, WeightTensor } from '../weights/weight-file.js';
import { findNetwork, requireShapes } from './find-network.js';
import { foldInputScaling } from './inception-input.js';
import { isSameShape } from './placement.js';
import { publishedFiles } from '../options/published.js';

/** What became of the tensors of a file of weights. */
export interface PretrainedReport {
  /** What stands in front of the network's names in the file, `state_dict.model.backbone`; empty where nothing does. */
  at: string;
  /** Tensors of the network that come from the file. */
  loaded: string[];
  /** Tensors that the network has no use for, of the dict or module that holds its own, by their names in the file. */
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
  /** What torchvision calls it. */
  bare: string;
  shape: number[];
  part: Part;
  /** Its part of the flat vector. */
  values: Float32Array;
}

const isHead = (name: string): boolean => name.startsWith('dense.');

const bareName = (name: string): string => name.replace(/^base_net\./, '');

function slotsOf(specs: readonly TensorSpec[], vector: Float32Array, bodyCount: number): Slot[] {
  let end = 0;
  return specs.map(({ name, shape }) => {
    const begin = end;
    end += elementCount(shape);
    const part = begin < bodyCount ? 'body' : isHead(name) ? 'head' : 'last';
    return { name, bare: bareName(name), shape, part, values: vector.subarray(begin, end) };
  });
}

/** @throws UserError when a value is infinite or not a number: a training from there would never come back */
async function copy(file: WeightFile, tensor: WeightTensor, { values }: Slot): Promise<void> {
  values.set(await tensor.read());
  if (allFinite(values)) return;
  throw new UserError(
    `${file.path}: tensor ${printable(tensor.name)} holds values that are not finite. Give another file.`,
  );
}

const scaledInception = publishedFiles['inception_v3']!.v1;
const FIRST_WEIGHT = 'base_net.Conv2d_1a_3x3.conv.weight';
const FIRST_MEAN = 'base_net.Conv2d_1a_3x3.bn.running_mean';

/** Adapts the published inception_v3, which is known by its name: nothing inside tells it from others. */
function adaptInception(file: WeightFile, slots: ReadonlyMap<string, Slot>, normalization: Normalization): string[] {
  const [weight, mean] = [slots.get(FIRST_WEIGHT), slots.get(FIRST_MEAN)];
  if (!weight || !mean) return [];
  const [stem] = scaledInception.split('.');
  if (!basename(file.path).startsWith(stem!)) {
    return [
      `taken as weights for images normalized as in this run. If they come from ` +
        `${scaledInception}, which is for images in [-1, 1], let the file's name begin with ${stem}, and they are adapted.`,
    ];
  }
  foldInputScaling(weight.values, mean.values, normalization);
  return [
    `${scaledInception} is for images in [-1, 1]: ${FIRST_WEIGHT} and ${FIRST_MEAN} were changed to give ` +
      `the same with images normalized as in this run.`,
  ];
}

/** An example of what is called otherwise in the file than in torchvision, apart from what stands in front. */
function renamed(tensors: ReadonlyMap<Slot, WeightTensor>): string[] {
  const isOther = ({ bare }: Slot, { name }: WeightTensor) => name !== bare && !name.endsWith(`.${bare}`);
  const example = [...tensors].find(([slot, tensor]) => isOther(slot, tensor));
  if (example === undefined) return [];
  const [{ name }, tensor] = example;
  return [`its names are others than torchvision's: ${printable(tensor.name)} is ${name}, for example`];
}

/** Places of tensors that are in other dicts than the network's. */
function elsewhere(file: WeightFile, containers: ReadonlySet<string>): string[] {
  const others = file.tensors.filter(({ container }) => !containers.has(container));
  if (others.length === 0) return [];
  // The moments of an optimizer are in a dict for each parameter.
  const placeOf = ({ container }: WeightTensor) => container.replace(/(\.\d+)+$/, '') || 'the top of the file';
  const places = [...new Set(others.map(placeOf))].map(printable);
  const names = [...places.slice(0, 4), ...(places.length > 4 ? ['...'] : [])].join(', ');
  const count = others.length === 1 ? 'one tensor elsewhere in it is' : `${others.length} tensors elsewhere in it are`;
  return [`${count} not used, in ${names}`];
}

/** Objects that are no tensors; nobody needs all of their names. */
function passedOver({ passedOver: names }: WeightFile): string[] {
  if (names.length === 0) return [];
  const shown = [...names.slice(0, 4), ...(names.length > 4 ? ['...'] : [])].map(printable).join(', ');
  return [`objects that are no weights were passed over, and nothing of them was run: ${shown}`];
}

export interface ApplyOptions {
  /** Which weights, where a file holds several of the network: where they are, or a part of that, as `teacher`. */
  at?: string;
  /** Of the network's images; ImageNet's unless given. */
  normalization?: Normalization;
}

/**
 * Writes a file's tensors into the flat vectors of a network.
 *
 * The file's names are torchvision's, or those of `spellings`, with anything in front and with what wrappers put in between; X
 * is `base_net.X` here, and `dense` is the head. The backbone's last layer is loaded when its shape fits, and else left as it
 * is; so is the head when the file has none. All other tensors must be there in their shapes, running statistics too. Nothing
 * is written before that is known; a file that can't be read later leaves the vectors half written.
 *
 * @param layout of `describeNetwork`
 * @throws UserError naming the file, and the tensors that it lacks, that have other shapes (with both) or bad values, or
 *   the places of several networks in it
 */
export async function applyWeights(
  file: WeightFile,
  layout: NetworkLayout,
  vectors: NetworkVectors,
  { at, normalization = imageNet }: ApplyOptions = {},
): Promise<PretrainedReport> {
  const slots = [
    ...slotsOf(layout.params, vectors.params, layout.bodyCount),
    ...slotsOf(layout.buffers, vectors.buffers, Infinity),
  ];
  const inPart = (part: Part) => slots.filter((slot) => slot.part === part);
  const parts = { body: inPart('body'), last: inPart('last'), head: inPart('head') };
  const found = findNetwork(file, parts, at);
  const { tensors } = found;
  const fits = (slot: Slot) => isSameShape(tensors.get(slot)?.shape ?? [NaN], slot.shape);
  const isFresh: Record<Part, boolean> = {
    body: false,
    last: !parts.last.every(fits),
    head: !parts.head.some((slot) => tensors.has(slot)),
  };
  const wanted = slots.filter(({ part }) => !isFresh[part]);
  requireShapes(file, wanted, tensors);
  for (const slot of wanted) await copy(file, tensors.get(slot)!, slot);

  const used = wanted.map((slot) => tensors.get(slot)!);
  const containers = new Set(used.map(({ container }) => container));
  const sources = new Set(used.map(({ source }) => source));
  const isSkipped = ({ container, source }: WeightTensor) => containers.has(container) && !sources.has(source);
  return {
    at: found.at,
    loaded: wanted.map(({ name }) => name),
    skipped: file.tensors.filter(isSkipped).map(({ name }) => name),
    fresh: slots.filter(({ part }) => isFresh[part]).map(({ name }) => name),
    notes: [
      ...renamed(new Map(wanted.map((slot) => [slot, tensors.get(slot)!]))),
      ...elsewhere(file, containers),
      ...passedOver(file),
      ...adaptInception(file, new Map(slots.map((slot) => [slot.name, slot])), normalization),
    ],
  };
}
