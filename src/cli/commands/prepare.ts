import type { Command } from 'commander';
import { prepareIcons } from '../../runner/prepare/icons.js';
import type { PrepareProgress } from '../../runner/prepare/icons.js';
import { count } from '../format.js';
import { addExample } from '../options.js';
import { terminal } from '../terminal.js';

const STAGES: Record<PrepareProgress['stage'], string> = {
  fetch: 'fetching icon sets',
  read: 'reading icon sets',
  draw: 'drawing icons',
};

export function addPrepare(program: Command): void {
  const prepare = program.command('prepare').description('make a data folder to try the program with');
  const icons = prepare
    .command('icons')
    .description('the same icon drawn by eight hands is one class: 995 classes each in DIR/train and DIR/val')
    .argument('<dir>', 'folder to make');
  addExample(icons, 'dws prepare icons data/icons');
  icons.action(async (folder: string) => {
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
  });
}
