/** The options of a training as they are given -> all of them, those of a checkpoint to go on from included. */
import { dirname, join, resolve } from 'node:path';
import { backboneOf } from '../../graph/parts/parts.js';
import { UserError } from '../base/errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { requireFreshFolder } from '../checkpoints/fresh-folder.js';
import { prefixOf } from '../checkpoints/names.js';
import { requireModules } from '../checkpoints/own-parts.js';
import { blamed } from '../modules/blame.js';
import type { LoadedModules } from '../modules/kinds.js';
import { partKinds, partOptions } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import { designedImageSize, requireKnown, runDefaults, withDefaults } from '../options/defaults.js';
import type { RunOptions } from '../options/run-options.js';
import { flagOf } from '../options/rules.js';
import { ownNames } from '../options/shown-options.js';
import type { TrainOptions } from '../options/train-options.js';
import { ownDefaults, recordedOptions } from './recorded-options.js';
import { recordedRunOptions } from './recorded-run.js';
import type { ResumedFrom } from './resumed-from.js';
import { AUTO, resumedFrom } from './resumed-from.js';
import { placeOfProcess } from '../ranks/place.js';
import { requireRanks, threadsOfRank } from '../ranks/wanted.js';
import { requireRecordedData } from '../reproduce/data-place.js';

export interface PreparedTraining {
  options: RunOptions;
  /** What there is to say of the checkpoint: damaged ones, where the training goes on, options taken from it. */
  notes: string[];
}

/** What the modules call themselves, by the options that name a part. */
const ownNamesOf = ({ definitions }: LoadedModules): Partial<RunOptions> =>
  Object.fromEntries(
    partKinds.flatMap((kind) => (definitions[kind] ? [[partOptions[kind], definitions[kind].name] as const] : [])),
  );

/** @throws UserError for a part that is named and brought by a module as well: one of the two would be left out without a word */
function requireOneEach(given: TrainOptions, { definitions }: LoadedModules): void {
  for (const kind of partKinds) {
    const [option, name] = [partOptions[kind], definitions[kind]?.name];
    const chosen = given[option];
    if (name === undefined || chosen === undefined || chosen === name) continue;
    throw new UserError(
      `${flagOf(option)} ${chosen}: a module brings the ${kind} (${name}, from ${given.modules![kind]!.path}). Give one of the two.`,
    );
  }
}

/** Options that are not given: a checkpoint's, then the defaults, then what follows from others. */
function complete(given: TrainOptions, recorded: Partial<RunOptions>, modules: LoadedModules) {
  const { definitions } = modules;
  const { dataPath, ...rest } = given;
  const place = placeOfProcess(process.env, 'NCCL');
  const threads = threadsOfRank(runDefaults.threads, place);
  const byDefault = { ...runDefaults, threads, ...recorded } as typeof runDefaults;
  // Never of the run that goes on, which may have had other ones.
  const ranks = requireRanks(given.ranks, place, 'dws train');
  const all = withDefaults('train', rest, byDefault);
  const chosen = { ...all, ranks, syncEvery: all.syncEvery === 0 ? undefined : all.syncEvery };
  const defaults = ownDefaults(definitions);
  placeOfProcess(process.env, chosen.device === 'cuda' ? 'NCCL' : 'MPI');
  const own = ownNames.flatMap((name) => {
    // A parameter's learning rate may follow from options and data: what the loss says in the training itself is the default.
    const initial = name === 'lossRates' ? undefined : defaults[name];
    const isThere = initial ?? recorded[name] ?? given[name];
    return isThere ? [[name, { ...initial, ...recorded[name], ...given[name] }] as const] : [];
  });
  const options = {
    ...{ ...chosen, ...Object.fromEntries(own), ...ownNamesOf(modules) },
    dataPath: dataPath ?? recorded.dataPath,
  };
  const backbone = definitions.backbone && backboneOf(options, definitions);
  const imageSize = options.imageSize ?? backbone?.imageSize ?? designedImageSize(options.model);
  const featDim = given.featDim ?? recorded.featDim ?? backbone?.width?.(imageSize) ?? options.featDim;
  return { ...options, imageSize, featDim };
}

/** Whether a training goes on with the very files that its checkpoint is one of. */
function isInPlace({ path }: Checkpoint, out: string, savePrefix: string): boolean {
  const prefix = prefixOf(path);
  return resolve(dirname(path)) === resolve(out) && (prefix === undefined || prefix === savePrefix);
}

/** What the run that goes on has recorded: in its checkpoint, and beside it. */
async function recordedBy(given: TrainOptions, { checkpoint, folder, prefix }: ResumedFrom, modules: LoadedModules) {
  if (!checkpoint) return { options: {}, notes: [], untold: undefined };
  requireModules(checkpoint, modules, partKinds, given.otherModules);
  const run = await recordedRunOptions(given, folder, prefix);
  // One process goes on alone with what several have begun.
  const isAlone = placeOfProcess(process.env, 'NCCL') === undefined;
  const asked = isAlone && given.syncEvery === undefined ? { ...given, syncEvery: 0 } : given;
  const { options, taken } = recordedOptions(asked, checkpoint, modules.definitions);
  const notes = taken.length > 0 ? [`from ${checkpoint.path}: ${taken.join(' ')}`] : [];
  return { options: { ...run.options, ...options }, notes: [...notes, ...run.notes], untold: run.untold };
}

async function prepare(given: TrainOptions, modules: LoadedModules): Promise<PreparedTraining> {
  requireOneEach(given, modules);
  const { resume } = given;
  const model = modules.definitions.backbone?.name ?? given.model ?? runDefaults.model;
  const ownFolder = join('runs', `${model}-${given.seed ?? runDefaults.seed}`);
  const from = resume ? await resumedFrom(resume, given.out ?? ownFolder, given.savePrefix) : undefined;
  const out = given.out ?? from?.folder ?? ownFolder;
  const savePrefix = given.savePrefix ?? from?.prefix ?? runDefaults.savePrefix;

  const checkpoint = from?.checkpoint;
  const recorded = from && (await recordedBy(given, from, modules));
  const goesOn = checkpoint !== undefined && isInPlace(checkpoint, out, savePrefix);
  if (!goesOn && resume !== AUTO) await requireFreshFolder(out, savePrefix);
  const options = complete(given, recorded?.options ?? {}, modules);
  if (checkpoint && options.dataPath === undefined)
    throw new UserError(`--data-path is not given, and no record of the run tells it (${recorded?.untold}): give it.`);
  if (given.dataPath === undefined && options.dataPath !== undefined) await requireRecordedData(options.dataPath);
  return {
    options: { ...options, out, savePrefix, resume: checkpoint?.path } as RunOptions,
    notes: [...(from?.notes ?? []), ...(recorded?.notes ?? [])],
  };
}

/**
 * Completes the options of a training: those that are not given are those of the run that it goes on from, of its checkpoint before
 * those of its `run.json`, or else the defaults.
 *
 * @throws UserError for an option that there is not, a checkpoint or module that can't be used, and a folder that holds another
 *   training
 */
export async function prepareTraining(given: TrainOptions): Promise<PreparedTraining> {
  requireKnown('train', given, ['dataPath', ...Object.keys(runDefaults)]);
  const modules = await loadModules(given.modules);
  try {
    return await prepare(given, modules);
  } catch (error) {
    throw blamed(error, modules.facts) ?? error;
  }
}
