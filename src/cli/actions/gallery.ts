/** `dws gallery`. */
import { sizeText } from '../../runner/base/size-text.js';
import type { GalleryDtype } from '../../graph/artifacts/gallery.js';
import type { GalleryStage } from '../../runner/shipping/gallery.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import { makeGallery } from '../../runner/shipping/gallery.js';
import { count, counted, evalStages } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import { inferenceOptions } from '../inference-options.js';
import type { backboneModule } from '../modules.js';
import type { OptionValues } from '../options.js';
import type { device, imageReading } from '../option-tables.js';
import { outputIsAside } from '../output.js';
import { terminal } from '../terminal.js';

interface Values extends OptionValues<typeof backboneModule & typeof imageReading & typeof device> {
  checkpoint: string;
  out: string;
  dtype: GalleryDtype;
  thumbSize: number;
  map: boolean;
  features: boolean;
  batchSize: number;
}

const stages: Record<GalleryStage, string> = {
  check: evalStages.check,
  embed: evalStages.embed,
  thumbs: 'drawing small images',
  map: 'drawing the map',
};

/** Returns the program's exit code. */
export const writeGallery = (paths: string[], values: Values): Promise<number> =>
  untilInterrupted(async (signal) => {
    const { checkpoint: file, out, ...options } = inferenceOptions(values);
    outputIsAside();
    const onProgress = (stage: GalleryStage, done: number, total: number) =>
      terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`);
    const hooks = { signal, onProgress };
    const { info, bytes, skipped, passedOver } = await makeGallery(file, paths, out, options, hooks);
    for (const bad of skipped) terminal.print(`left out ${bad.path}: ${bad.reason}`);
    const note = passedOverNote(passedOver, paths.length === 1 ? paths[0]! : '.');
    if (note !== undefined) terminal.print(note);
    const classes = count(new Set(info.labels).size);
    const embeddings = `${info.dim} dimensions (${info.dtype})`;
    terminal.print(`${out}: ${counted(info.count, 'image')} of ${classes} classes, ${embeddings}, ${sizeText(bytes)}`);
  });
