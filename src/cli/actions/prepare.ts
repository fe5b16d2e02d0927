/** `dws prepare`. */
import { prepareIcons } from '../../runner/prepare/icons.js';
import type { PrepareProgress } from '../../runner/prepare/icons.js';
import { count } from '../format.js';
import { terminal } from '../terminal.js';

const STAGES: Record<PrepareProgress['stage'], string> = {
  fetch: 'fetching icon sets',
  read: 'reading icon sets',
  draw: 'drawing icons',
};

export async function prepare(folder: string): Promise<void> {
  let stage: PrepareProgress['stage'] | undefined;
  const made = await prepareIcons(folder, {
    onProgress: (progress) => {
      if (!terminal.live && progress.stage !== stage) terminal.print(`${STAGES[progress.stage]} ...`);
      stage = progress.stage;
      terminal.status(`${STAGES[stage]} ${count(progress.done)}/${count(progress.total)}`);
    },
  });
  terminal.print(`${made.folder}${made.created ? '' : ' was there already'}`);
  for (const split of ['train', 'val'] as const) {
    const { classes, images } = made[split];
    terminal.print(`  ${split.padEnd(5)}  ${count(images)} images of ${count(classes)} classes`);
  }
  terminal.print(`  the licenses of the drawings are in ${made.folder}/LICENSES.md`);
}
