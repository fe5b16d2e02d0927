/** `dws pack`. */
import { sizeText } from '../../runner/base/size-text.js';
import { printableName } from '../../runner/base/printable-name.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import type { PackOptions } from '../../runner/jobs/pack-data.js';
import { packData } from '../../runner/jobs/pack-data.js';
import { count, counted, imagesText } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import { terminal } from '../terminal.js';

/** Of data that says nothing of validation, whose train split is all of it, too. */
const wholeText = '  no validation images: --val-split takes some of them for it, --eval-every 0 trains on all';

/** Returns the program's exit code. */
export const pack = (data: string, file: string, values: PackOptions): Promise<number> =>
  untilInterrupted(async (signal) => {
    const onProgress = (done: number, total: number) =>
      terminal.status(`packing images ${count(done)}/${count(total)}`);
    const packed = await packData(data, file, values, { signal, onProgress });
    const note = passedOverNote(packed.passedOver, data);
    if (note !== undefined) terminal.print(note);
    for (const { path, reason } of packed.skipped) terminal.print(`can't be read: ${printableName(path)}: ${reason}`);
    const { images, skipped, bytes, squares, views } = packed;
    const left = skipped.length > 0 ? `, ${count(skipped.length)} left out` : '';
    const what = `${counted(images, 'image')} of ${squares.imageSize} px${left}`;
    terminal.print(`${printableName(file)}: ${what}, ${sizeText(bytes)}`);
    const whole = views.find(({ name }) => name === 'whole');
    if (whole) terminal.print(`  all    ${imagesText(whole)}\n${wholeText}`);
    else for (const { name, ...used } of views) terminal.print(`  ${name.padEnd(5)}  ${imagesText(used)}`);
  });
