import type { Command } from 'commander';
import { reportDefaults } from '../../runner/options/defaults.js';
import { backboneModule } from '../modules.js';
import { reportFile } from '../../runner/report/report-options.js';
import type { OptionRow, OptionValues } from '../options.js';
import { addExample, addOptions, optional, withDefault } from '../options.js';
import { device, imageReading, inference } from '../option-tables.js';
import { integer, path } from '../parsers.js';

const own = {
  out: { ...withDefault('file', 'page to write', path, reportFile), short: 'o' },
  checkpoint: optional('file', "checkpoint to look at (default: the run's best one, or else its last)", path),
  ...backboneModule,
  dataPath: optional('dir', 'the images, where they are no longer where the run had them', path),
  images: withDefault(
    'n',
    'validation images to look at, at most: of more, so many are drawn at random',
    integer({ min: 2 }),
    reportDefaults.images,
  ),
  noUntrained: {
    description: 'leave out what the untrained network would come to, which takes as long as the trained one',
  } as OptionRow<never>,
  batchSize: inference.batchSize,
  workers: imageReading.workers,
};

// Commander makes `untrained`, true unless --no-untrained is given, of the row `noUntrained`.
type Values = OptionValues<typeof own & typeof device> & { untrained: boolean };

export function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('a run -> one page with its curves, results and pictures')
    .argument('<run>', "the run's folder, or its run.json", path);
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws report runs/resnet18-0 -o report.html');
  command.action(async (run: string, values: Values) => {
    const { writeReport } = await import('../actions/report.js');
    process.exitCode = await writeReport(run, values);
  });
}
