/** Images -> embeddings, with a checkpoint's network and running statistics. */
import path from 'node:path';
import type { Squares } from '../../graph/preprocessing.js';
import { joinRanks } from '../compute/ranks.js';
import { ComputeThread } from '../compute/thread.js';
import { checkAmongRanks } from './check-among-ranks.js';
import { embedAmongRanks } from './embed-among-ranks.js';
import { embedOn } from './embed-on.js';
import { listSome } from '../base/list-some.js';
import type { BadImage } from '../data/loader.js';
import { ImageLoader } from '../data/loader.js';
import type { WithDefaults } from '../options/defaults.js';
import { embedDefaults, withDefaults } from '../options/defaults.js';
import { requireSquares } from '../options/rules.js';
import { UserError } from '../base/errors.js';
import { requireProvider } from '../compute/session.js';
import type { SearchHooks } from './neighbors.js';
import type { DeviceOptions, ResizeMode } from '../options/run-options.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';
import type { ModuleSources } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import { loadNetwork } from '../checkpoints/trained-network.js';
import { requirePaths } from '../base/require-paths.js';

/** The training's squares, but for what is given. @throws UserError when the network is to see more than images are resized to */
export function squaresOf(
  { preprocessing }: Pick<TrainedNetwork, 'preprocessing'>,
  { resize = preprocessing.resize, resizeTo = preprocessing.resizeTo }: Pick<EmbedOptions, 'resize' | 'resizeTo'>,
): Squares {
  const { imageSize, filter } = preprocessing;
  const squares = { imageSize, resizeTo, resize, filter };
  requireSquares(squares);
  return squares;
}

/** Gives a thread the parameters and running statistics of a network. */
export function holdNetwork(thread: ComputeThread, { params, buffers }: TrainedNetwork): Promise<void> {
  return thread.hold({
    params: { data: params, dims: [params.length] },
    buffers: { data: buffers, dims: [buffers.length] },
  });
}

/** How images are embedded; nothing has to be given. */
export interface EmbedOptions extends Partial<DeviceOptions> {
  /** The module of a checkpoint's backbone, where it has one of its own. */
  modules?: Pick<ModuleSources, 'backbone'>;
  /** How images become squares. Default: as in the training. */
  resize?: ResizeMode;
  /** Height and width of the squares that images become, of which the network sees the middle. Default: as in the training. */
  resizeTo?: number;
  /** Images that the network sees at a time. Default: 64. */
  batchSize?: number;
  /** Threads that decode images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Leaves bad images out instead of throwing. Default: false. */
  skipBad?: boolean;
  /** Processes among which the images are divided; they have been started by mpirun, and make the same call. Default: this one alone. */
  ranks?: number;
  /** Seconds after which a rank that is not heard of ends the others. Default: five minutes of them. */
  rankTimeout?: number;
}

/** What images were embedded as. */
export interface Embeddings {
  /** [paths, dim], row-major, L2-normalized. */
  embeddings: Float32Array;
  dim: number;
  /** The images that were embedded, in the order given. */
  paths: string[];
  /** The images that can't be read. */
  skipped: BadImage[];
}

export interface EmbedHooks extends SearchHooks {
  onCheck?: (done: number, total: number) => void;
}

/**
 * Embeds image files.
 *
 * @param checkpointPath a file that a training wrote
 * @throws UserError for a checkpoint or device that can't be used, and unless `skipBad` is set for images that can't be
 *   read, before any is embedded
 */
export async function embedImages(
  checkpointPath: string,
  imagePaths: readonly string[],
  options: EmbedOptions = {},
  hooks: EmbedHooks = {},
): Promise<Embeddings> {
  const all = withDefaults('embedImages', options, embedDefaults);
  requirePaths('embedImages', { checkpointPath, ...imagePaths });
  requireProvider(all);
  return embedWith(await loadNetwork(checkpointPath, await loadModules(all.modules)), imagePaths, all, hooks);
}

interface EmbeddedWith extends Embeddings {
  /** [paths, featDim], what the last linear layer takes; where they are wanted. */
  features?: Float32Array;
}

/** `embedImages` with a network that is loaded already. */
export async function embedWith(
  trained: TrainedNetwork,
  imagePaths: readonly string[],
  options: WithDefaults<EmbedOptions, typeof embedDefaults> & { features?: boolean },
  hooks: EmbedHooks = {},
): Promise<EmbeddedWith> {
  const { network } = trained;
  const { workers, batchSize, skipBad } = options;
  const loader = new ImageLoader({ ...squaresOf(trained, options), workers, cache: 'none' });
  const thread = new ComputeThread(options, trained.modules);
  try {
    const ranks = await joinRanks(thread, options);
    await holdNetwork(thread, trained);
    const check = { onProgress: hooks.onCheck, batchSize };
    const skipped = await checkAmongRanks(unlabelled(imagePaths), loader, ranks, check);
    if (skipped.length > 0 && !skipBad) {
      throw new UserError(
        `${skipped.length} of ${imagePaths.length} images cannot be read:\n` +
          `${listSome(skipped.map((bad) => `${bad.path}: ${bad.reason}`))}\n` +
          `Mend or remove them, or leave them out with --skip-bad.`,
      );
    }
    const bad = new Set(skipped.map((image) => image.path));
    const paths = imagePaths.filter((image) => !bad.has(image));
    const features = options.features ? new Float32Array(paths.length * network.featDim) : undefined;
    const job = { network, loader, paths, batchSize };
    const embeddings = ranks.among
      ? await embedAmongRanks(thread, job, hooks, ranks.among)
      : await embedOn(thread, { ...job, features }, hooks);
    await ranks.leave();
    return { embeddings, dim: network.embedDim, paths, skipped, features };
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
}

const unlabelled = (paths: readonly string[]) => ({
  root: path.resolve('.'),
  split: 'val' as const,
  classes: [],
  images: paths.map((image) => ({ path: image, label: 0 })),
});
