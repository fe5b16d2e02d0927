/** `dws export`. */
import { sizeText } from '../../runner/base/size-text.js';
import { exportModel } from '../../runner/shipping/export.js';
import type { WebExport, WebExportStage } from '../../runner/shipping/web-export.js';
import { exportWeb } from '../../runner/shipping/web-export.js';
import type { WebVariantName } from '../../graph/artifacts/web-model.js';
import { count, evalStages, recallTable, table } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import type { backboneModule } from '../modules.js';
import { moduleSources } from '../modules.js';
import type { OptionValues } from '../options.js';
import type { device, imageReading } from '../option-tables.js';
import { terminal } from '../terminal.js';

interface Values extends OptionValues<typeof backboneModule & typeof imageReading & Pick<typeof device, 'threads'>> {
  checkpoint: string;
  withResize: boolean;
  unfolded: boolean;
  variants: WebVariantName[];
  dataPath: string | undefined;
}

const stages: Record<WebExportStage, string> = { check: evalStages.check, measure: 'measuring the model on images' };

function report({ folder, info, droppedGallery, notes }: WebExport): void {
  terminal.print(folder);
  for (const note of notes) terminal.print(note);
  const rows = info.variants.map(({ name, bytes, cosine, recallAt1 }) => [
    name,
    sizeText(bytes),
    ...(cosine ? [cosine.mean.toFixed(6), cosine.lowest.toFixed(6), recallAt1!.toFixed(4)] : []),
  ]);
  const head = ['', 'download', ...(info.recall ? ['cosine to fp32', 'lowest', 'Recall@1'] : [])];
  terminal.print(table([head, ...rows]));
  if (info.recall) terminal.print(recallTable('val', info.recall));
  if (droppedGallery)
    terminal.print("the folder's gallery was of another model and is gone: write it with dws gallery");
}

/** Returns the program's exit code. */
export const writeWeb = (folder: string, values: Values): Promise<number> =>
  untilInterrupted(async (signal) => {
    const onProgress = (stage: WebExportStage, done: number, total: number) =>
      terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`);
    const { checkpoint: file, variants, dataPath, workers, skipBad, threads } = values;
    const options = { variants, dataPath, workers, skipBad, threads, modules: moduleSources(values) };
    report(await exportWeb(file, folder, options, { signal, onProgress }));
  });

export async function writeModel(out: string, values: Values): Promise<void> {
  const { checkpoint, withResize, unfolded } = values;
  await exportModel(checkpoint, out, { withResize, unfolded, modules: moduleSources(values) });
  terminal.print(out);
}
