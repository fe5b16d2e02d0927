/** What a folder of `dws export --web` says of its model. */
import type { WebModelInfo, WebVariant, WebVariantName } from '../graph/artifacts/web-model.js';
import { webModelFile } from '../graph/artifacts/web-model.js';
import { isPreprocessing } from '../graph/preprocessing.js';
import { DwsWebError, printable } from './errors.js';
import type { LoadHooks } from './load.js';
import { isBelow, loadJson } from './load.js';
import { isCount, isNumber, isRecord, isText, mostBytes } from './values.js';

/** Of `dws.json`, which has a thousandth of it. */
const mostJson = 2 ** 20;

/** The largest side of an image, in pixels. */
const mostPixels = 2 ** 14;

const isMeasured = (value: unknown): boolean => value === undefined || isNumber(value);

function isVariant(value: unknown, folder: URL): boolean {
  if (!isRecord(value)) return false;
  const { name, graph, weights, bytes, recallAt1 } = value;
  return (
    isText(name) &&
    isBelow(folder, graph) &&
    isBelow(folder, weights) &&
    isCount(bytes) &&
    bytes <= mostBytes &&
    isMeasured(recallAt1)
  );
}

interface Place {
  offset: number;
}

/** Whether a place in the file of the head is `shape`, and begins where float32 values can. */
const isPlace = (value: unknown, shape: readonly unknown[]): value is Place =>
  isRecord(value) &&
  isCount(value['offset']) &&
  value['offset'] % 4 === 0 &&
  value['offset'] <= mostBytes &&
  Array.isArray(value['shape']) &&
  value['shape'].length === shape.length &&
  value['shape'].every((size, i) => size === shape[i]);

/** Values of a head: 128 MiB, many times the largest of the backbones' that can be trained. */
const mostValues = 2 ** 25;

const isDimension = (value: unknown): value is number => isCount(value) && value > 0;

/** Whether the head can be fetched at once: its weight and bias lie together. */
const areNear = ({ offset: a }: Place, { offset: b }: Place): boolean => Math.abs(a - b) <= 4 * mostValues;

function isInfo(value: Record<string, unknown>, folder: URL): boolean {
  const { modelHash, model, imageSize, featDim, embedDim, step, variants, head, preprocessing } = value;
  return (
    [modelHash, model].every(isText) &&
    isDimension(imageSize) &&
    imageSize <= mostPixels &&
    isDimension(featDim) &&
    isDimension(embedDim) &&
    embedDim * (featDim + 1) <= mostValues &&
    isCount(step) &&
    (preprocessing === undefined || isPreprocessing(preprocessing)) &&
    Array.isArray(variants) &&
    variants.every((variant) => isVariant(variant, folder)) &&
    isRecord(head) &&
    isBelow(folder, head['weights']) &&
    isPlace(head['weight'], [embedDim, featDim]) &&
    isPlace(head['bias'], [embedDim]) &&
    areNear(head['weight'], head['bias'])
  );
}

/**
 * @throws DwsWebError `network` when the file can't be fetched, `bad-model` when it describes no model, or names files
 *   outside of the folder; the signal's reason when it is aborted
 */
export async function loadInfo(folder: URL, hooks: LoadHooks): Promise<WebModelInfo> {
  const info = await loadJson(folder, webModelFile, mostJson, 'bad-model', hooks);
  const file = new URL(webModelFile, folder);
  if (info['format'] !== 1) {
    const format = isNumber(info['format']) || isText(info['format']) ? printable(String(info['format'])) : 'none';
    throw new DwsWebError(
      'bad-model',
      `${file} has format ${format}, this program reads format 1. Export the model anew.`,
    );
  }
  if (isInfo(info, folder)) return info as unknown as WebModelInfo;
  throw new DwsWebError('bad-model', `${file} does not describe a model whole. Export the model anew.`);
}

/** @throws DwsWebError `bad-model` for one that was not exported */
export function variantOf({ variants }: WebModelInfo, name: WebVariantName): WebVariant {
  const variant = variants.find((candidate) => candidate.name === name);
  if (variant) return variant;
  const names = variants.map((candidate) => printable(candidate.name)).join(', ');
  throw new DwsWebError('bad-model', `The model was exported as ${names || 'nothing'}, not as ${name}.`);
}
