/** `dws report`: a run as one page. */
import path from 'node:path';
import { ComputeThread } from '../compute/thread.js';
import { holdNetwork } from '../evaluation/embed.js';
import { ensureWritableFile, makingFolder, writeFileAtomic } from '../base/files.js';
import { reportDefaults, withDefaults } from '../options/defaults.js';
import { requireProvider } from '../compute/session.js';
import { describeBetas } from './betas.js';
import type { TrainLook } from './look-at-train.js';
import { lookAtTrain } from './look-at-train.js';
import type { ValLook } from './look-at-val.js';
import type { UntrainedLook } from './look-untrained.js';
import { lookUntrained } from './look-untrained.js';
import { lookAtVal } from './look-at-val.js';
import { renderPage } from './page.js';
import { smallPictures } from './pictures.js';
import type { AllReportOptions, MadeReport, ReportHooks, ReportOptions } from './report-options.js';
import { reportFile } from './report-options.js';
import type { RunFiles } from './run-files.js';
import { openRunFiles, orNote } from './run-files.js';
import { distanceBins } from './section-embeddings.js';
import { listedClasses } from './section-sampling.js';
import { withoutFolders } from './without-folders.js';
import { requirePaths } from '../base/require-paths.js';

interface Looks {
  val: ValLook | undefined;
  train: TrainLook | undefined;
  untrained: UntrainedLook | undefined;
  betaPictures: Map<number, string>;
}

/** Height and width of a class's picture, in pixels. */
const classSize = 56;

/** A picture of each class with the lowest and highest beta: its first image. */
async function drawClasses({ checkpoint, data }: RunFiles, workers: number): Promise<Looks['betaPictures']> {
  const { state, metadata } = checkpoint!;
  const beta = metadata.options.loss === undefined ? state['beta'] : undefined;
  if (!beta) return new Map();
  const { lowest, highest } = describeBetas(beta, listedClasses);
  const files = new Map(
    [...lowest, ...highest].flatMap((label) => {
      const image = data.train!.images.find((one) => one.label === label);
      return image ? [[label, image.path] as const] : [];
    }),
  );
  const urls = await smallPictures([...files.values()], classSize, { workers, pack: data.train!.pack });
  return new Map([...files].map(([label, file]) => [label, urls.get(file)!]));
}

/** Lets the checkpoint's network look at the images that there are. */
async function look(files: RunFiles, options: AllReportOptions, hooks: ReportHooks, notes: string[]): Promise<Looks> {
  const { checkpoint, data } = files;
  const looks: Looks = { val: undefined, train: undefined, untrained: undefined, betaPictures: new Map() };
  const { train, val } = data;
  if (!checkpoint || !(train || val)) return looks;
  const thread = new ComputeThread(options, checkpoint.trained.modules);
  try {
    await holdNetwork(thread, checkpoint.trained);
    if (val) {
      const body = () => lookAtVal(thread, checkpoint.trained, val, options, hooks);
      looks.val = await orNote(notes, 'The test images can’t be looked at', body);
    }
    if (train) {
      const body = () => lookAtTrain(thread, checkpoint, train, options, distanceBins, hooks);
      looks.train = await orNote(notes, 'The sampling can’t be shown', body);
      const pictures = () => drawClasses(files, options.workers);
      looks.betaPictures = (await orNote(notes, 'The classes have no pictures', pictures)) ?? new Map();
    }
    const { val: seen } = looks;
    if (seen && options.untrained) {
      // Last: the thread holds another network then.
      const body = () => lookUntrained(thread, checkpoint, seen.set, options, hooks);
      looks.untrained = await orNote(notes, 'The untrained network can’t be measured', body);
    }
    return looks;
  } finally {
    await thread.close();
  }
}

/** Files and folders that messages may name. */
const privatePaths = (run: string, { run: { last } }: RunFiles, { dataPath, checkpoint }: AllReportOptions): string[] =>
  [run, last.options.dataPath, last.options.out, dataPath, checkpoint].filter((one) => one !== undefined);

/**
 * Writes a run's report: one HTML file with everything inside, whole or not at all. What the run or its images lack is left out, and
 * the page says so.
 *
 * @param run the run's folder, or its `run.json`
 * @throws UserError for a run that can't be opened, a checkpoint or data that were asked for and can't be used, a device that is
 *   not there, and a file that can't be written; the signal's reason when it is aborted
 */
export async function makeReport(
  run: string,
  out: string = reportFile,
  given: ReportOptions = {},
  hooks: ReportHooks = {},
): Promise<MadeReport> {
  requirePaths('makeReport', { run, out });
  return makingFolder(path.dirname(out), () => writeReport(run, out, given, hooks));
}

async function writeReport(run: string, out: string, given: ReportOptions, hooks: ReportHooks): Promise<MadeReport> {
  const options = withDefaults('makeReport', given, reportDefaults);
  requireProvider(options);
  const notes: string[] = [];
  const files = await openRunFiles(run, options, notes);
  await ensureWritableFile(out);
  const looks = await look(files, options, hooks, notes);
  const { descriptions = {} } = options;
  const told = notes.map((note) => withoutFolders(note, privatePaths(run, files, options)));
  const page = await renderPage({ files, ...looks, notes: told, descriptions, made: new Date().toISOString() });
  hooks.signal?.throwIfAborted();
  await writeFileAtomic(out, page);
  return { bytes: Buffer.byteLength(page), notes };
}
