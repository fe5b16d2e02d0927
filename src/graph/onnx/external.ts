/** ONNX's external data: tensors in one file beside the models that share it. */
import type { ModelProto, TensorProto } from './schema.js';

/** TensorProto.DataLocation.EXTERNAL */
const external = 1;
/** Tensors begin at multiples of this many bytes, so that a reader can use them in place. */
const alignment = 64;

export interface ExternalPlace {
  /** In the file, in bytes. */
  offset: number;
  length: number;
}

export interface ExternalModels {
  /** The models without those tensors. */
  models: ModelProto[];
  /** The file's bytes, to be written one after the other. */
  chunks: Uint8Array[];
  /** By the tensor's name. */
  places: Map<string, ExternalPlace>;
}

/**
 * Moves tensors of models into one file that all of them name. A tensor that several models have, by name, is kept once.
 *
 * @param location name of the file, in the models' folder
 * @param isExternal whether to move the tensor of a name
 * @throws Error when models have different tensors of one name
 */
export function moveTensors(
  models: readonly ModelProto[],
  location: string,
  isExternal: (name: string) => boolean,
): ExternalModels {
  const chunks: Uint8Array[] = [];
  const places = new Map<string, ExternalPlace>();
  const moved = new Map<string, Uint8Array>();
  let end = 0;

  const place = (name: string, bytes: Uint8Array): ExternalPlace => {
    const known = places.get(name);
    if (known) {
      if (moved.get(name) !== bytes) throw new Error(`the models have different tensors called ${name}`);
      return known;
    }
    const padding = -end & (alignment - 1);
    if (padding) chunks.push(new Uint8Array(padding));
    chunks.push(bytes);
    const fresh = { offset: end + padding, length: bytes.length };
    end = fresh.offset + fresh.length;
    places.set(name, fresh);
    moved.set(name, bytes);
    return fresh;
  };

  const move = (tensor: TensorProto): TensorProto => {
    const { rawData, ...rest } = tensor;
    if (!rawData || !isExternal(tensor.name!)) return tensor;
    const { offset, length } = place(tensor.name!, rawData);
    const externalData = Object.entries({ location, offset, length }).map(([key, value]) => ({
      key,
      value: String(value),
    }));
    return { ...rest, externalData, dataLocation: external };
  };

  const without = models.map((model) => ({
    ...model,
    graph: { ...model.graph, initializer: model.graph.initializer.map(move) },
  }));
  return { models: without, chunks, places };
}
