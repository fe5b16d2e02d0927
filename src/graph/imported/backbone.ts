/** A backbone that is an ONNX file. */
import type { Value } from '../builder/builder.js';
import { GraphBuilder } from '../builder/builder.js';
import type { Declarations, ValuesOf } from '../declarations.js';
import { inPart } from '../declarations.js';
import type { Backbone, BackboneDefinition } from '../models/backbone.js';
import type { Layers, WriteSite } from '../nn/layers.js';
import type { Pooling } from './features.js';
import { pooled, poolings } from './features.js';
import type { FileModel } from './model.js';
import { inOneLine } from './one-line.js';
import type { ImageInput, Prepared } from './prepare.js';
import { prepared } from './prepare.js';
import type { WeightSource } from './write.js';
import { nodesFor, writeFile } from './write.js';

const options = {
  input: { description: 'name of the input that takes images; found by its shape unless given', default: '' },
  features: {
    description: 'name of the tensor that features are taken from; the first output unless given',
    default: '',
  },
  pool: { description: 'how tokens, or maps, become one row of features', default: 'auto', oneOf: poolings },
  freeze: {
    description: "tensors that do not learn: 'all', or a pattern of their names, such as encoder.*",
    default: '',
  },
} as const satisfies Declarations;

export type FileOptions = ValuesOf<typeof options>;

/** Where nothing is given. */
export const fileDefaults: FileOptions = { input: '', features: '', pool: 'auto', freeze: '' };

/** `*` stands for any text, also with dots; several are parted by commas. */
function matcher(patterns: string): (name: string) => boolean {
  if (patterns === 'all') return () => true;
  const forms = patterns
    .split(',')
    .filter((one) => one !== '')
    .map(
      (one) =>
        new RegExp(
          `^${one
            .split('*')
            .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
            .join('.*')}$`,
        ),
    );
  return (name) => forms.some((form) => form.test(name));
}

/** Sizes of images that a file was not made for. */
const anySize = 224;

/** @throws Error where the file wants images that are no squares */
function sizeOf({ shape, layout }: ImageInput): number | undefined {
  const [height, width] = layout === 'NCHW' ? [shape[2], shape[3]] : [shape[1], shape[2]];
  if (height !== undefined && width !== undefined && height !== width)
    throw new Error(`it takes images of ${height} x ${width} pixels, and only squares are made here`);
  return height ?? width;
}

/** (N, C, H, W), normalized -> the file's input. */
function toInput(g: GraphBuilder, images: Value, { layout, dtype }: ImageInput): Value {
  const laid = layout === 'NCHW' ? images : g.op('Transpose', [images], { perm: [0, 2, 3, 1] });
  return dtype === 'float32' ? laid : g.op('Cast', [laid], { to: 'uint8' });
}

/** Tensors asked for by the file's names, each once. */
function weightsFrom(site: WriteSite, { model, roles }: Prepared, isFrozen: (name: string) => boolean): WeightSource {
  const made = new Map<string, Value>();
  return {
    weight(name) {
      const known = made.get(name);
      if (known) return known;
      const { shape, data } = model.tensors.get(name)!;
      const init = { kind: 'given' as const, values: () => data as Float32Array };
      const learns = roles.get(name)!.role === 'trained' && !isFrozen(name);
      const value = (learns ? site.param : site.buffer)(name, [...shape], init);
      made.set(name, value);
      return value;
    },
  };
}

/** The tensor that features are taken from. @throws Error when there is none of that name */
export const targetOf = (model: FileModel, { features }: FileOptions): string => {
  const target = features === '' ? model.outputs[0] : features;
  if (target === undefined) throw new Error('it has no output; name a tensor with --features');
  if (model.nodes.some(({ outputs }) => outputs.includes(target))) return target;
  throw new Error(`no node gives ${target}; its outputs are ${model.outputs.join(', ')}`);
};

/** @throws Error where what `target` is made of does not begin at the images */
function requireImages(ready: Prepared, target: string): void {
  const others = ready.model.inputs.filter(({ name }) => name !== ready.input.name).map(({ name }) => name);
  const reads = nodesFor(ready.model, [target]).flatMap(({ inputs }) => inputs);
  const other = reads.find((name) => others.includes(name));
  if (other !== undefined)
    throw new Error(
      `${target} is also made of the input ${other}, which nothing here gives; name another with --features`,
    );
  if (!reads.includes(ready.input.name)) throw new Error(`${target} is not made of the images (${ready.input.name})`);
}

/** Where a network is written only to be looked at. */
function scratch(imageSize: number): WriteSite {
  const g = new GraphBuilder();
  const tensor = (name: string, shape: number[]) => g.input(name, 'float32', shape);
  return {
    g,
    images: g.input('images', 'float32', [1, 3, imageSize, imageSize]),
    inHalves: false,
    param: tensor,
    buffer: tensor,
  };
}

/** @throws Error for weights that are not float32 */
function requireFloats({ model }: Prepared): void {
  for (const [name, { dtype, data }] of model.tensors)
    if (dtype === 'float16' && data.length > 1)
      throw new Error(`its weights are float16 (${name}), which are not trained: bring the file with float32 weights`);
}

function create(model: FileModel, values: FileOptions): Backbone {
  const ready = prepared(model, values.input);
  const target = targetOf(model, values);
  requireImages(ready, target);
  const isFrozen = matcher(values.freeze);
  const size = sizeOf(ready.input);
  requireFloats(ready);
  const row = (site: WriteSite): Value =>
    inOneLine(() => {
      const given = toInput(site.g, site.images, ready.input);
      const made = writeFile(site, ready, weightsFrom(site, ready, isFrozen), given, target);
      if (made.dtype !== 'float32') throw new Error(`${target} is ${made.dtype}: features are float32`);
      return pooled(site.g, made, values.pool as Pooling, ready.input.layout);
    });
  const features = (nn: Layers, images: Value, featDim: number): Value =>
    nn.written(images, (site) => {
      const [, , height] = site.images.shape;
      if (size !== undefined && height !== size) throw new Error(`the file takes images of ${size} px alone`);
      const made = row(site);
      const width = made.shape[1];
      if (width === featDim) return made;
      throw new Error(`the features of the file are ${width} wide: leave out --feat-dim ${featDim}`);
    });
  const width = (imageSize: number): number => inPart('backbone', () => row(scratch(imageSize)).shape[1] as number);
  return { features, width, lastLayer: null, imageSize: size ?? anySize, smallest: 1 };
}

/** @param name what the backbone is called */
export const fileBackbone = (name: string, model: FileModel): BackboneDefinition => ({
  name,
  options,
  create: (values) => inOneLine(() => create(model, values as FileOptions)),
});
