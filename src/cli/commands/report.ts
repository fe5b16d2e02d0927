import type { Command } from 'commander';
import type { ReportStage } from '../../runner/report/report-options.js';
import { makeReport } from '../../runner/report/report.js';
import { deviceOptions } from '../device.js';
import { count, evalStages, megabytes } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, withDefault } from '../options.js';
import { device, imageReading, inference } from '../option-tables.js';
import { optionTexts } from '../option-texts.js';
import { integer, path } from '../parsers.js';
import { terminal } from '../terminal.js';

const own = {
  out: { ...withDefault('file', 'page to write', path, 'report.html'), short: 'o' },
  checkpoint: optional('file', "checkpoint to look at (default: the run's best one, or else its last)", path),
  dataPath: optional('dir', 'the images, where they are no longer where the run had them', path),
  images: withDefault(
    'n',
    'validation images to look at, at most: of more, so many are drawn at random',
    integer({ min: 2 }),
    10_000,
  ),
  batchSize: inference.batchSize,
  workers: imageReading.workers,
};

const stages: Record<ReportStage, string> = {
  ...evalStages,
  batches: 'looking at batches',
  map: 'drawing the map',
  pictures: 'drawing small images',
};

/** Returns the program's exit code. */
const writeReport = (run: string, values: OptionValues<typeof own & typeof device>): Promise<number> =>
  untilInterrupted(async (signal) => {
    const options = { ...values, ...deviceOptions(values), descriptions: optionTexts };
    const { bytes, notes } = await makeReport(run, values.out, options, {
      signal,
      onProgress: (stage, done, total) => terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`),
    });
    for (const note of notes) terminal.print(note);
    terminal.print(`${values.out}: ${megabytes(bytes)}; open it in a browser`);
  });

export function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('a run -> one page with its curves, results and pictures')
    .argument('<run>', "the run's folder, or its run.json");
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws report runs/resnet18-0 -o report.html');
  command.action(async (run: string, values: OptionValues<typeof own & typeof device>) => {
    process.exitCode = await writeReport(run, values);
  });
}
