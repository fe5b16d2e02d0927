/** `dws pack`. */
import { sizeText } from '../../runner/base/size-text.js';
import { printableName } from '../../runner/base/printable-name.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import type { PackOptions } from '../../runner/jobs/pack-data.js';
import { packData } from '../../runner/jobs/pack-data.js';
import { count } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import { terminal } from '../terminal.js';

const names = { train: 'train', val: 'val', whole: 'all' };

/** Returns the program's exit code. */
export const pack = (data: string, file: string, values: PackOptions): Promise<number> =>
  untilInterrupted(async (signal) => {
    const onProgress = (done: number, total: number) =>
      terminal.status(`packing images ${count(done)}/${count(total)}`);
    const packed = await packData(data, file, values, { signal, onProgress });
    const note = passedOverNote(packed.passedOver, data);
    if (note !== undefined) terminal.print(note);
    for (const { path, reason } of packed.skipped) terminal.print(`can't be read: ${printableName(path)}: ${reason}`);
    terminal.print(
      `${printableName(file)}: ${count(packed.images)} images of ${packed.squares.imageSize} px, ${sizeText(packed.bytes)}`,
    );
    for (const { name, images, classes } of packed.views) {
      terminal.print(`  ${names[name].padEnd(5)}  ${count(images)} images of ${count(classes)} classes`);
    }
  });
