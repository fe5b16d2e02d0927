/**
 * The pretrained weights that a training begins with, and what its checkpoints record of them: the first digits of the
 * file's SHA-256, and of that of the place in it where one was given. They are the same wherever the file lies and
 * whatever it is called, so equal runs still write equal bytes; a published file's own digits are in its name.
 */
import { createHash } from 'node:crypto';
import type { TrainingOptions } from '../../graph/options.js';
import { imageNet, normalizationOf } from '../../graph/preprocessing.js';
import type { NetworkLayout } from '../../graph/state/state.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ComputeThread } from '../compute/thread.js';
import { listSome } from '../base/list-some.js';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { counted } from '../base/counted.js';
import { shortHash, shortHashDigits } from '../base/short-hash.js';
import type { WeightsSource } from '../options/plan.js';
import type { RunHooks } from './events.js';
import type { CachedFile } from '../pretrained/cache.js';
import { sha256Of } from '../pretrained/cache.js';
import type { LoadedWeights } from '../pretrained/load.js';
import { loadPretrained, obtainWeights } from '../pretrained/load.js';
import { knownHash } from '../options/published.js';

const PLACE_DIGITS = 8;

/** The length of what is recorded where a place is given, which is the longest. */
export const mostRecordedDigits = shortHashDigits + '_'.length + PLACE_DIGITS;

function tell({ name, format, at, loaded, skipped, fresh, notes }: LoadedWeights, { onEvent }: RunHooks): void {
  const note = (message: string) => onEvent({ kind: 'note', message });
  const tensors = (some: readonly string[], is: string, are: string) =>
    counted(some.length, `tensor ${is}`, `tensors ${are}`);
  note(
    `${tensors(loaded, 'is that of', 'are those of')} ${name} (${format})${at === '' ? '' : `, at ${printable(at)}`}`,
  );
  if (fresh.length > 0) note(`${tensors(fresh, 'starts', 'start')} from random values:\n${listSome(fresh)}`);
  if (skipped.length > 0)
    note(`${tensors(skipped, `of ${name} is`, `of ${name} are`)} not used:\n${listSome(skipped)}`);
  for (const message of notes) note(`${name}: ${message}`);
}

/**
 * The file of a run's pretrained weights, downloaded when need be; undefined for a run from random ones.
 *
 * @throws UserError when they can't be had or read; the signal's reason when it is aborted
 */
export async function obtainPretrained(
  source: WeightsSource | undefined,
  { onEvent, signal }: RunHooks,
): Promise<CachedFile | undefined> {
  if (source === undefined) return undefined;
  const file = source.kind === 'published' ? source.file : source.path;
  return obtainWeights(source, {
    signal,
    onProgress: (done, total) => onEvent({ kind: 'download-progress', file, done, total }),
    onWaiting: () => onEvent({ kind: 'note', message: `another process is downloading ${file}; waiting for it` }),
  });
}

/** Which of several weights in a file, for those who give it. */
const placeIn = (source: WeightsSource | undefined): string | undefined =>
  source?.kind === 'file' ? source.at : undefined;

/** What checkpoints record of a file of weights, and of the place in it where one was given. */
export function recordedWeights({ sha256 }: Pick<CachedFile, 'sha256'>, source: WeightsSource | undefined): string {
  const at = placeIn(source);
  const place = at === undefined ? '' : `_${createHash('sha256').update(at).digest('hex').slice(0, PLACE_DIGITS)}`;
  return shortHash(sha256) + place;
}

/** torchvision's networks know images as ImageNet's statistics make them; its inception_v3 is adapted. */
function tellNormalization(
  source: WeightsSource | undefined,
  { model, mean, std }: Pick<TrainingOptions, 'model' | 'mean' | 'std'>,
  { onEvent }: RunHooks,
): void {
  if (source?.kind !== 'published' || model === 'inception_v3' || (mean === undefined && std === undefined)) return;
  const message =
    `torchvision's weights are for images normalized by its --mean ${imageNet.mean.join()} and --std ${imageNet.std.join()}; ` +
    `with others the first steps have to make up for it`;
  onEvent({ kind: 'note', message });
}

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
  { source, training }: { source: WeightsSource | undefined; training: TrainingOptions },
  hooks: RunHooks,
): Promise<void> {
  tellNormalization(source, training, hooks);
  const held = await thread.read(['params', 'buffers']);
  const [params, buffers] = [held['params']!, held['buffers']!];
  tell(
    await loadPretrained(
      path,
      layout,
      { params, buffers },
      { at: placeIn(source), normalization: normalizationOf(training) },
    ),
    hooks,
  );
  const vector = (data: Float32Array) => ({ data, dims: [data.length] });
  await thread.hold({ params: vector(params), buffers: vector(buffers) }, [params.buffer, buffers.buffer]);
}

async function isFrom(source: WeightsSource, digits: string, signal: AbortSignal): Promise<boolean> {
  if (source.kind === 'published')
    return knownHash(source.file).startsWith(digits) || digits.startsWith(knownHash(source.file));
  return recordedWeights({ sha256: await sha256Of(source.path, signal) }, source) === digits;
}

/**
 * What a resumed run goes on to record. It loads nothing: its weights are the checkpoint's. Pretrained weights that are
 * asked for again, as by the command line of the first run with `--resume` at its end, must be those it began with.
 *
 * @throws UserError when they are others; the signal's reason when it is aborted
 */
export async function resumedPretrained(
  { path, metadata }: Checkpoint,
  source: WeightsSource | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const digits = metadata.runOptions['initialWeights'] as string | undefined;
  if (source === undefined || (digits !== undefined && (await isFrom(source, digits, signal)))) return digits;
  const place = placeIn(source) === undefined ? '' : ` --weights-at ${placeIn(source)}`;
  const flag = source.kind === 'published' ? '--use-pretrained' : `--pretrained ${source.path}${place}`;
  const origin = digits === undefined ? 'random weights' : `another file of weights (SHA-256 ${digits}...)`;
  throw new UserError(
    `${flag}: the training of ${path} began with ${origin}, and a resumed one goes on with the checkpoint's. ` +
      `Leave ${flag} out, or leave --resume out for a new training.`,
  );
}
