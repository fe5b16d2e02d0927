/**
 * A learned head as a file: safetensors, with the names that checkpoints have for the last layer, which model it belongs to, and a
 * checksum.
 */
import { crc32c } from '@aws-crypto/crc32c';
import type { WebModelInfo } from '../graph/artifacts/web-model.js';
import { DwsWebError, printable } from './errors.js';
import type { Head } from './learn-head.js';
import { headSize } from './learn-head.js';
import { isRecord, isText } from './values.js';

const format = 'dws-head-1';
const lengthBytes = 8;
/** Ours has 400 bytes; another program that rewrites the file may say more. */
const longestHeader = 2 ** 16;

/** What tells whether a head belongs to a model, of `EmbeddingModel.info`. */
export type ModelOfHead = Pick<WebModelInfo, 'model' | 'modelHash' | 'featDim' | 'embedDim'>;

/** The tensors, in the order of `Head.params`. */
const tensorsOf = ({ featDim, embedDim }: Pick<Head, 'featDim' | 'embedDim'>) => ({
  'dense.weight': { dtype: 'F32', shape: [embedDim, featDim], data_offsets: [0, 4 * embedDim * featDim] },
  'dense.bias': {
    dtype: 'F32',
    shape: [embedDim],
    data_offsets: [4 * embedDim * featDim, 4 * embedDim * (featDim + 1)],
  },
});

const bytesOf = ({ params }: Head): Uint8Array<ArrayBuffer> => new Uint8Array(params.slice().buffer as ArrayBuffer);

const checksum = (data: Uint8Array): string => crc32c(data).toString(16).padStart(8, '0');

/**
 * The file of a head: safetensors with `dense.weight` [embedDim, featDim] and `dense.bias` [embedDim].
 *
 * @param model what the head was learned on: `EmbeddingModel.info`
 * @throws Error when the head does not have the model's dimensions
 */
export function saveHead(head: Head, model: ModelOfHead): Blob {
  if (head.params.length !== headSize(model)) throw new Error('the head is not one of this model');
  const data = bytesOf(head);
  const metadata = { format, model: model.model, modelHash: model.modelHash, crc32c: checksum(data) };
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...tensorsOf(head) }));
  const top = new Uint8Array(lengthBytes + 8 * Math.ceil(json.length / 8)).fill(0x20);
  new DataView(top.buffer).setBigUint64(0, BigInt(top.length - lengthBytes), true);
  top.set(json, lengthBytes);
  return new Blob([top, data], { type: 'application/octet-stream' });
}

const bad = (what: string): DwsWebError => new DwsWebError('bad-head', what);
const noHead = () => bad('This file holds no learned layer. Choose one that was downloaded here after teaching.');
const damaged = () => bad('The file is damaged or cut short. Download the learned layer again.');

/** The header's JSON, and where the values begin. */
async function readHeader(file: Blob): Promise<{ header: Record<string, unknown>; end: number }> {
  if (file.size < lengthBytes) throw noHead();
  const length = new DataView(await file.slice(0, lengthBytes).arrayBuffer()).getBigUint64(0, true);
  if (length > longestHeader) throw noHead();
  const end = lengthBytes + Number(length);
  try {
    const header: unknown = JSON.parse(await file.slice(lengthBytes, end).text());
    if (isRecord(header)) return { header, end };
  } catch {
    // Said below.
  }
  throw noHead();
}

function requireModel({ model, modelHash }: Record<string, unknown>, expected: ModelOfHead): void {
  if (modelHash === expected.modelHash) return;
  const other = printable([model, modelHash].filter(isText).join(' '));
  throw new DwsWebError(
    'head-mismatch',
    `The file was learned on another model (${other || 'it does not say which'}) than this one (${expected.model} ` +
      `${expected.modelHash}). Teach this one, or open the page of the other.`,
  );
}

/**
 * Reads what `saveHead` wrote.
 *
 * @param model the model that the head is for: `EmbeddingModel.info`
 * @throws DwsWebError `bad-head` for a file that is no such one or is damaged, `head-mismatch` for one of another model
 */
export async function loadHead(file: Blob, model: ModelOfHead): Promise<Head> {
  const { header, end } = await readHeader(file);
  const metadata = header['__metadata__'];
  if (!isRecord(metadata) || metadata['format'] !== format) throw noHead();
  requireModel(metadata, model);
  const isOurs = Object.entries(tensorsOf(model)).every(([name, tensor]) => {
    const said = header[name];
    return isRecord(said) && Object.entries(tensor).every(([key, value]) => String(said[key]) === String(value));
  });
  if (!isOurs || file.size !== end + 4 * headSize(model)) throw damaged();
  const data = await file.slice(end).arrayBuffer();
  if (checksum(new Uint8Array(data)) !== metadata['crc32c']) throw damaged();
  const params = new Float32Array(data);
  if (!params.every(Number.isFinite)) throw damaged();
  return { featDim: model.featDim, embedDim: model.embedDim, params };
}
