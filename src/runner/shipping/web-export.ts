/** A checkpoint as a folder for any static server: graphs and weights for pages, and a card that says what they are worth. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { buildWebModel } from '../../graph/artifacts/web-export.js';
import type { WebModel } from '../../graph/artifacts/web-export.js';
import { modelFolder, webFiles } from '../../graph/artifacts/web-files.js';
import type { WebModelInfo, WebVariant, WebVariantName } from '../../graph/artifacts/web-model.js';
import { webModelFile, webVariantNames } from '../../graph/artifacts/web-model.js';
import { usableImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { ImageLoader } from '../data/loader.js';
import { imageMetadata } from './image-metadata.js';
import { openData } from '../data-sets/open-data.js';
import { UserError } from '../base/errors.js';
import { makingFolder, writeOwnFile } from '../base/files.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';
import type { WithDefaults } from '../options/defaults.js';
import { webExportDefaults, withDefaults } from '../options/defaults.js';
import type { ModuleSources } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import { loadTraining } from '../checkpoints/trained-network.js';
import { findLicense } from '../web-folder/license.js';
import { modelCard } from '../web-folder/card.js';
import { makeStaging, publish, requireReplaceable } from '../web-folder/folder.js';
import { hubFiles } from '../web-folder/hub-files.js';
import { measureVariants } from '../web-folder/measure.js';
import { hashOf } from '../web-folder/model-hash.js';
import { requirePaths } from '../base/require-paths.js';

/** What is exported beside the model; nothing has to be given. */
export interface WebExportOptions {
  /** The module of a checkpoint's backbone, where it has one of its own. */
  modules?: Pick<ModuleSources, 'backbone'>;
  /** Forms of the model beside float32, which is always there. Default: none. */
  variants?: readonly WebVariantName[];
  /** What `openData` takes, with validation images to measure the variants on. Default: nothing is measured. */
  dataPath?: string;
  /** Leaves images out that can't be read, instead of throwing. Default: false. */
  skipBad?: boolean;
  /** Threads that check images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Threads of ONNX Runtime. Default: all of this machine. */
  threads?: number;
}

/** What an export is doing: decoding every image once, or running the variants on them. */
export type WebExportStage = 'check' | 'measure';

/** Who hears of an export, and what ends it. */
export interface WebExportHooks {
  onProgress?: (stage: WebExportStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** The folder that was written. */
export interface WebExport {
  folder: string;
  info: WebModelInfo;
  /** The folder had a gallery of another model, which is gone. */
  droppedGallery: boolean;
  /** What else there is to say: a licence that is not copied, and why. */
  notes: string[];
}

/** Sorted as in the list of all, each once, with what the others are measured by. */
const wanted = (variants: readonly WebVariantName[]) =>
  webVariantNames.filter((name) => name === 'fp32' || variants.includes(name));

async function writeVariant(staging: string, variant: WebVariantName, model: WebModel): Promise<WebVariant> {
  const files = webFiles(variant);
  const at = (name: string) => `${modelFolder}/${name}`;
  await writeOwnFile(path.join(staging, at(files.weights)), model.weights);
  for (const name of ['image', 'model'] as const) {
    await writeOwnFile(path.join(staging, at(files.graphs[name])), model.graphs[name]);
  }
  const bytes = model.weights.reduce((sum, chunk) => sum + chunk.length, model.graphs.image.length);
  return { name: variant, graph: at(files.graphs.image), weights: at(files.weights), bytes };
}

function headOf({ featDim, embedDim }: TrainedNetwork['network'], { places }: WebModel): WebModelInfo['head'] {
  const offset = (name: string) => places.get(name)!.offset;
  return {
    weights: `${modelFolder}/${webFiles('fp32').weights}`,
    weight: { offset: offset('dense.weight'), shape: [embedDim, featDim] },
    bias: { offset: offset('dense.bias'), shape: [embedDim] },
  };
}

/** Writes graphs and weights of all variants, one after the other: together they may not fit into memory. */
async function writeModels(
  staging: string,
  { network, params, buffers, preprocessing, step, modules }: TrainedNetwork,
  variants: readonly WebVariantName[],
  signal?: AbortSignal,
): Promise<WebModelInfo> {
  const metadata = imageMetadata({ network, preprocessing, step }, 'any size');
  const written: WebVariant[] = [];
  let facts: Pick<WebModelInfo, 'modelHash' | 'head'> | undefined;
  for (const variant of wanted(variants)) {
    signal?.throwIfAborted();
    const weightsFile = webFiles(variant).weights;
    const form = { variant, squares: preprocessing, weightsFile, metadata };
    const model = buildWebModel(network, { params, buffers }, form, modules?.definitions);
    facts ??= { modelHash: hashOf(network, model), head: headOf(network, model) };
    written.push(await writeVariant(staging, variant, model));
  }
  const { modelHash, head } = facts!;
  // They are in `preprocessing`.
  const described = { ...network };
  delete described.mean;
  delete described.std;
  return {
    format: 1,
    modelHash,
    ...described,
    resize: preprocessing.resize,
    preprocessing,
    variants: written,
    step,
    head,
  };
}

/** The validation images that can be read. */
async function validationImages(
  dataPath: string,
  { preprocessing, valSplit }: TrainedNetwork,
  { skipBad, workers }: WithDefaults<WebExportOptions, typeof webExportDefaults>,
  { onProgress, signal }: WebExportHooks,
): Promise<ImageSet> {
  const listed = await openData(dataPath, 'val', { valSplitElse: valSplit });
  if (listed.pack) {
    throw new UserError(
      `--data-path ${dataPath}: a page gives the model whole images, and a pack holds squares. Give what was packed.`,
    );
  }
  const loader = new ImageLoader({ ...preprocessing, workers, cache: 'none' });
  try {
    const { set } = await usableImages(listed, loader, {
      skipBad,
      onProgress: (done, total) => {
        signal?.throwIfAborted();
        onProgress?.('check', done, total);
      },
    });
    return set;
  } finally {
    await loader.close();
  }
}

/**
 * Writes a checkpoint's network as a folder for pages (`WebModelInfo` describes it) that is a Hugging Face model folder too:
 * `dws.json`, `onnx/`, `README.md` with what was measured, `config.json` and `preprocessor_config.json`. The folder appears
 * whole or not at all; it replaces an empty one or an earlier export, whose gallery stays if it is of the same model.
 *
 * @throws UserError when the checkpoint or the images can't be used, or the folder is another one or can't be written; the
 *   signal's reason when it is aborted
 */
export async function exportWeb(
  checkpointPath: string,
  folder: string,
  given: WebExportOptions = {},
  hooks: WebExportHooks = {},
): Promise<WebExport> {
  requirePaths('exportWeb', { checkpointPath, folder });
  return makingFolder(path.dirname(folder), () => writeExport(checkpointPath, folder, given, hooks));
}

async function writeExport(
  checkpointPath: string,
  folder: string,
  given: WebExportOptions,
  hooks: WebExportHooks,
): Promise<WebExport> {
  const options = withDefaults('exportWeb', given, webExportDefaults);
  const { dataPath, threads } = options;
  const earlier = await requireReplaceable(folder);
  const { trained, metadata } = await loadTraining(checkpointPath, await loadModules(options.modules));
  const set = dataPath === undefined ? undefined : await validationImages(dataPath, trained, options, hooks);
  const staging = await makeStaging(folder);
  try {
    const info = await writeModels(staging, trained, options.variants, hooks.signal);
    if (set) {
      const onProgress = (done: number, total: number) => hooks.onProgress?.('measure', done, total);
      const size = { dim: info.embedDim, threads };
      const measured = await measureVariants(staging, info.variants, set, size, { signal: hooks.signal, onProgress });
      info.recall = measured.recall;
      info.variants = info.variants.map((variant, i) => ({ ...variant, ...measured.variants[i] }));
    }
    const { license, notes } = dataPath === undefined ? { notes: [] } : await findLicense(dataPath);
    const card = modelCard({
      info,
      preprocessing: trained.preprocessing,
      training: metadata,
      measured: set && { images: set.images.length, classes: new Set(set.images.map(({ label }) => label)).size },
      license,
    });
    const files = { ...hubFiles(info), 'README.md': card, [webModelFile]: `${JSON.stringify(info, null, 2)}\n` };
    for (const [name, text] of Object.entries(files)) await writeOwnFile(path.join(staging, name), text);
    const droppedGallery = await publish(staging, folder, earlier?.modelHash === info.modelHash);
    return { folder, info, droppedGallery, notes };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
