/** `dws report`. */
import { sizeText } from '../../runner/base/size-text.js';
import type { ReportStage } from '../../runner/report/report-options.js';
import { makeReport } from '../../runner/report/report.js';
import { count, evalStages } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import { inferenceOptions } from '../inference-options.js';
import type { backboneModule } from '../modules.js';
import type { OptionValues } from '../options.js';
import type { device } from '../option-tables.js';
import { optionTexts } from '../option-texts.js';
import { outputIsAside } from '../output.js';
import { terminal } from '../terminal.js';

interface Values extends OptionValues<typeof backboneModule & typeof device> {
  out: string;
  checkpoint: string | undefined;
  dataPath: string | undefined;
  images: number;
  untrained: boolean;
  batchSize: number;
  workers: number;
}

const stages: Record<ReportStage, string> = {
  ...evalStages,
  untrained: 'embedding images, untrained',
  batches: 'looking at batches',
  map: 'drawing the map',
  pictures: 'drawing small images',
};

/** Returns the program's exit code. */
export const writeReport = (run: string, values: Values): Promise<number> =>
  untilInterrupted(async (signal) => {
    const { out, ...options } = inferenceOptions(values);
    outputIsAside();
    const { bytes, notes } = await makeReport(
      run,
      out,
      { ...options, descriptions: optionTexts },
      {
        signal,
        onProgress: (stage, done, total) => terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`),
      },
    );
    for (const note of notes) terminal.print(note);
    terminal.print(`${out}: ${sizeText(bytes)}; open it in a browser`);
  });
