/** The options of `dws train`, under the headings of its help. */
import { runDefaults } from '../runner/options/defaults.js';
import type { NanPolicy } from '../runner/options/run-options.js';
import type { PartKind } from '../runner/modules/kinds.js';
import { losses } from '../graph/losses/index.js';
import { backboneModule, otherRates, partNames } from './modules.js';
import type { OptionTable, OptionValues } from './options.js';
import { optional, toggle, withDefault } from './options.js';
import {
  batches,
  device,
  ks,
  loss,
  network,
  optimization,
  pretrained,
  ranks,
  sampling,
  schedule,
  trainingData,
} from './option-tables.js';
import { integer, number, oneOf, path, text } from './parsers.js';

const nanPolicies: NanPolicy[] = ['stop', 'skip', 'rollback'];

/** A run that is resumed knows where its images are. */
const data = { ...trainingData, dataPath: { ...trainingData.dataPath, required: undefined } };

const run = {
  out: optional(
    'dir',
    "folder for checkpoints and metrics (default: runs/MODEL-SEED, or the resumed checkpoint's)",
    path,
  ),
  resume: optional(
    'file',
    "checkpoint or run's folder to go on from, with its options where none are given; auto: what there is in --out, if anything",
    text,
  ),
  ks,
  savePrefix: withDefault('text', 'put before the names of checkpoint files', text, runDefaults.savePrefix),
  keep: withDefault('n', 'finished epochs that keep a checkpoint of their own', integer({ min: 0 }), runDefaults.keep),
  printFreq: withDefault('n', 'steps between lines of progress', integer({ min: 1 }), runDefaults.printFreq),
  checkpointEvery: optional('n', 'steps between checkpoints within an epoch', integer({ min: 1 })),
  maxHours: optional('hours', 'stop with a checkpoint after so long', number({ above: 0 })),
  nanPolicy: withDefault(
    'policy',
    'where a loss is not finite: stop, skip (leave out the step), rollback (go back to the last checkpoint)',
    oneOf(nanPolicies),
    runDefaults.nanPolicy,
  ),
  tensorboard: toggle("write TensorBoard's event files into --out"),
  ...ranks,
  syncEvery: optional(
    'n',
    "steps that each rank takes by itself, with the loss and the negatives of its own share of a batch, before they average what they have learned: for slow networks. Also with 1 that is not the whole batch's loss, which they have without this option (or with 0)",
    integer({ min: 0 }),
  ),
  stepsPerRun: optional(
    'n',
    'steps a call of ONNX Runtime (default: about a second of them; four where the state crosses the bus each time)',
    integer({ min: 1 }),
  ),
};

/** Options of the command itself, of which the training knows nothing. */
export const output = {
  quiet: toggle('print nothing but notes and errors, on stderr'),
  json: toggle('print every event as a line of JSON'),
  plan: toggle('say what the training would take (steps, disk, time by two measured steps), and write nothing'),
};

/** Learning rates of the parameters of losses that are here, but for those that are options of their own. */
export const lossRates = otherRates(losses, loss);

/** By heading. */
const groups = {
  Data: data,
  Network: { ...network, ...pretrained, ...backboneModule },
  Batches: batches,
  Loss: { ...partNames, ...loss, ...sampling },
  Optimization: { ...optimization, ...schedule },
  Run: run,
  Device: device,
};

type Groups = typeof groups;
type Merged<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;

/** Every option of a training. */
export const trainTable = Object.assign({}, ...Object.values(groups)) as Merged<Groups[keyof Groups]>;

export type TrainValues = OptionValues<typeof trainTable>;

/**
 * The headings of the help, with the options that modules declare in place of those of the parts that they replace.
 *
 * @param own options that modules declare
 */
export function trainGroups(own: Partial<Record<PartKind, OptionTable>>): [heading: string, table: OptionTable][] {
  // A loss of somebody's own may take its tuples in another way.
  const ownSampling = own.sampling ?? (own.loss ? {} : sampling);
  const tables: Record<keyof Groups, OptionTable> = {
    ...groups,
    Network: { ...groups.Network, ...own.backbone },
    Loss: { ...partNames, ...(own.loss ?? { ...loss, ...lossRates }), ...ownSampling },
    Optimization: { ...optimization, ...own.optimizer, ...schedule },
    Run: { ...run, ...output },
  };
  return Object.entries(tables);
}

/** What is there beside the options that modules declare: none of these may have the name of one of those. */
export const tablesBeside = (own: Partial<Record<PartKind, OptionTable>>): OptionTable[] =>
  trainGroups(Object.fromEntries(Object.keys(own).map((kind) => [kind, {}]))).map(([, table]) => table);
