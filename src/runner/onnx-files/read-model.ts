/** ONNX files that bring a backbone: read whole, with what they keep in files beside them. Data, of which nothing runs. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { FileModel } from '../../graph/imported/model.js';
import { readModel } from '../../graph/imported/model.js';
import { oneLine } from '../../graph/imported/one-line.js';
import type { ExternalBytes } from '../../graph/imported/tensors.js';
import { sizeOf } from '../../graph/imported/tensors.js';
import type { ModelProto, TensorProto } from '../../graph/onnx/schema.js';
import { decodeModel } from '../../graph/onnx/schema.js';
import { UserError } from '../base/errors.js';
import { readWholeFile } from '../base/files.js';
import { printable } from '../base/printable.js';
import { locateExternal } from './external.js';
import { RandomFile } from './random-file.js';

/** Protobuf holds no more; larger networks keep their weights beside them. */
const maxBytes = 2 ** 31 - 1;

/** A file that a network is made of: itself, or one that it keeps weights in. */
export interface OnnxFilePart {
  /** From the folder of the network, with `/`. */
  path: string;
  sha256: string;
}

const isExternal = ({ dataLocation }: TensorProto): boolean => dataLocation === 1;

/** Tensors that lie in other files. */
function externalTensors({ graph, functions = [] }: ModelProto): TensorProto[] {
  const nodes = [...graph.node, ...functions.flatMap(({ node }) => node)];
  const inNodes = nodes.flatMap(({ attribute = [] }) => attribute.flatMap(({ t }) => t ?? []));
  return [...graph.initializer, ...inNodes].filter(isExternal);
}

async function bytesAt(file: RandomFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.read(bytes, offset);
  return bytes;
}

/** The bytes of tensors in other files, and the hashes of these. */
async function readExternal(model: ModelProto, file: string) {
  const bytes = new Map<TensorProto, Uint8Array>();
  const parts = new Map<string, OnnxFilePart>();
  for (const tensor of externalTensors(model)) {
    const data = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
    const length = sizeOf(tensor);
    const range = await locateExternal(file, data, length, `the tensor ${printable(tensor.name ?? '')}`);
    const opened = await RandomFile.open(range.path);
    try {
      bytes.set(tensor, await bytesAt(opened, range.offset, length));
    } finally {
      await opened.close();
    }
    if (!parts.has(range.path))
      parts.set(range.path, { path: data.get('location')!, sha256: await sha256Of(range.path) });
  }
  return { bytes, parts: [...parts.values()] };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  const opened = await RandomFile.open(file);
  try {
    const step = 64 * 2 ** 20;
    for (let at = 0; at < opened.size; at += step)
      hash.update(await bytesAt(opened, at, Math.min(step, opened.size - at)));
  } finally {
    await opened.close();
  }
  return hash.digest('hex');
}

function decoded(bytes: Uint8Array, file: string): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (error) {
    throw new UserError(
      `${file} is no ONNX file, or is damaged (${oneLine((error as Error).message)}). Take another copy.`,
      {
        cause: error,
      },
    );
  }
}

export interface OnnxFile {
  proto: ModelProto;
  model: FileModel;
  external: ExternalBytes;
  /** Itself first. */
  parts: OnnxFilePart[];
}

/**
 * @throws UserError naming the file that can't be read, is none, or is in a form that is not supported
 */
export async function readOnnxFile(file: string): Promise<OnnxFile> {
  const bytes = await readWholeFile(file, maxBytes);
  const proto = decoded(bytes, file);
  if (!proto.graph)
    throw new UserError(`${file} is no ONNX file: there is no graph in it. Give a network's .onnx file.`);
  const own = { path: path.basename(file), sha256: createHash('sha256').update(bytes).digest('hex') };
  try {
    const outside = await readExternal(proto, file);
    const external: ExternalBytes = (tensor) => outside.bytes.get(tensor)!;
    return { proto, model: readModel(proto, external), external, parts: [own, ...outside.parts] };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file}: ${oneLine((error as Error).message)}`, { cause: error });
  }
}
