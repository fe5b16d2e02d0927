/**
 * The pretrained weights that a training begins with, and what its checkpoints record of them: the first digits of the
 * file's SHA-256. They are the same wherever the file lies and whatever it is called, so equal runs still write equal
 * bytes; a published file's own digits are in its name.
 */
import type { NetworkLayout } from '../../graph/state.js';
import type { Checkpoint } from '../checkpoint.js';
import type { ComputeThread } from '../compute-thread.js';
import { listSome } from '../data/list-some.js';
import { UserError } from '../errors.js';
import type { RunOptions } from '../run-options.js';
import type { TrainHooks } from '../train-events.js';
import type { CachedFile } from './cache.js';
import { sha256Of } from './cache.js';
import type { LoadedWeights, PretrainedSource } from './load.js';
import { loadPretrained, obtainWeights } from './load.js';
import { hashPrefix, publishedFile } from './published.js';

const DIGITS = 16;

function tell({ name, format, loaded, skipped, fresh, notes }: LoadedWeights, { onEvent }: TrainHooks): void {
  const note = (message: string) => onEvent({ kind: 'note', message });
  note(`${loaded.length} tensors are those of ${name} (${format})`);
  if (fresh.length > 0) note(`${fresh.length} tensors start from random values:\n${listSome(fresh)}`);
  if (skipped.length > 0) note(`${skipped.length} tensors of ${name} are not used:\n${listSome(skipped)}`);
  for (const message of notes) note(`${name}: ${message}`);
}

/**
 * The file of a run's pretrained weights, downloaded when need be; undefined for a run from random ones.
 *
 * @throws UserError when there are no such weights, or they can't be had or read; the signal's reason when it is aborted
 */
export async function obtainPretrained(
  { pretrained, model }: Pick<RunOptions, 'pretrained' | 'model'>,
  { onEvent, signal }: TrainHooks,
): Promise<CachedFile | undefined> {
  if (pretrained === undefined) return undefined;
  const file = pretrained.kind === 'published' ? publishedFile(model, pretrained.weights) : pretrained.path;
  return obtainWeights(pretrained, model, {
    signal,
    onProgress: (done, total) => onEvent({ kind: 'download-progress', file, done, total }),
    onWaiting: () => onEvent({ kind: 'note', message: `another process is downloading ${file}; waiting for it` }),
  });
}

/** What checkpoints record of a file of weights. */
export const recordedWeights = ({ sha256 }: CachedFile): string => sha256.slice(0, DIGITS);

/**
 * Puts pretrained weights in place of the random ones that the thread holds, and tells what was loaded, left fresh and
 * not used.
 *
 * @throws UserError when the file can't be read or does not fit
 */
export async function holdPretrained(
  thread: ComputeThread,
  { path }: CachedFile,
  layout: NetworkLayout,
  hooks: TrainHooks,
): Promise<void> {
  const held = await thread.read(['params', 'buffers']);
  const [params, buffers] = [held['params']!, held['buffers']!];
  tell(await loadPretrained(path, layout, { params, buffers }), hooks);
  const vector = (data: Float32Array) => ({ data, dims: [data.length] });
  await thread.hold({ params: vector(params), buffers: vector(buffers) }, [params.buffer, buffers.buffer]);
}

async function isFrom(source: PretrainedSource, model: string, digits: string, signal: AbortSignal): Promise<boolean> {
  if (source.kind === 'published') return digits.startsWith(hashPrefix(publishedFile(model, source.weights)));
  return (await sha256Of(source.path, signal)).startsWith(digits);
}

/**
 * What a resumed run goes on to record. It loads nothing: its weights are the checkpoint's. Pretrained weights that are
 * asked for again, as by the command line of the first run with `--resume` at its end, must be those it began with.
 *
 * @throws UserError when they are others; the signal's reason when it is aborted
 */
export async function resumedPretrained(
  { path, metadata }: Checkpoint,
  { pretrained: source, model }: Pick<RunOptions, 'pretrained' | 'model'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const digits = metadata.runOptions['initialWeights'] as string | undefined;
  if (source === undefined || (digits !== undefined && (await isFrom(source, model, digits, signal)))) return digits;
  const flag = source.kind === 'published' ? '--use-pretrained' : `--pretrained ${source.path}`;
  const origin = digits === undefined ? 'random weights' : `another file of weights (SHA-256 ${digits}...)`;
  throw new UserError(
    `${flag}: the training of ${path} began with ${origin}, and a resumed one goes on with the checkpoint's. ` +
      `Leave ${flag} out, or leave --resume out for a new training.`,
  );
}
