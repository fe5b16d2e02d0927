import type { Command } from 'commander';
import { galleryDtypes } from '../../graph/gallery.js';
import type { GalleryStage } from '../../runner/gallery.js';
import { makeGallery } from '../../runner/gallery.js';
import { deviceOptions } from '../device.js';
import { count, counted, evalStages, megabytes } from '../format.js';
import { onInterrupt } from '../interrupt.js';
import type { OptionRow, OptionValues } from '../options.js';
import { addExample, addOptions, required, withDefault } from '../options.js';
import { checkpoint, device, imageReading, inference } from '../option-tables.js';
import { integer, oneOf, path } from '../parsers.js';
import { terminal } from '../terminal.js';

const own = {
  checkpoint,
  out: { ...required('dir', 'folder to write, of its own; an older gallery is replaced', path), short: 'o' },
  dtype: withDefault(
    'name',
    'how embeddings are stored: float32, or int8 in a quarter of the size',
    oneOf(galleryDtypes),
    'float32',
  ),
  thumbSize: withDefault('pixels', 'width and height of the small images', integer({ min: 16, max: 512 }), 64),
  noMap: {
    description:
      'leave out the map (UMAP; of more than 5,000 images, 5,000 are laid out and the others put between them)',
  } as OptionRow<never>,
  batchSize: inference.batchSize,
  ...imageReading,
};

// Commander makes `map`, true unless --no-map is given, of the row `noMap`.
type Values = OptionValues<typeof own & typeof device> & { map: boolean };

const stages: Record<GalleryStage, string> = {
  check: evalStages.check,
  embed: evalStages.embed,
  thumbs: 'drawing small images',
  map: 'drawing the map',
};

/** Returns the program's exit code. */
async function writeGallery(paths: string[], values: Values): Promise<number> {
  const { checkpoint: file, out } = values;
  const options = { ...values, ...deviceOptions(values) };
  const interrupt = onInterrupt(() => terminal.print('stopping; nothing is written'));
  try {
    const { info, bytes, skipped } = await makeGallery(file, paths, out, options, {
      signal: interrupt.signal,
      onProgress: (stage, done, total) => terminal.status(`${stages[stage]} ${count(done)}/${count(total)}`),
    });
    for (const bad of skipped) terminal.print(`left out ${bad.path}: ${bad.reason}`);
    const classes = count(new Set(info.labels).size);
    const embeddings = `${info.dim} dimensions (${info.dtype})`;
    terminal.print(`${out}: ${counted(info.count, 'image')} of ${classes} classes, ${embeddings}, ${megabytes(bytes)}`);
    return 0;
  } catch (error) {
    const code = interrupt.exitCode();
    if (code !== undefined && error === interrupt.signal.reason) return code;
    throw error;
  } finally {
    terminal.clear();
    interrupt.release();
  }
}

export function addGallery(program: Command): void {
  const command = program
    .command('gallery')
    .description('images -> a folder that a page searches in')
    .argument(
      '<paths...>',
      'image files, and folders of them at any depth; the folder that an image lies in is its class',
    );
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws gallery --checkpoint runs/resnet18-0/best.safetensors data/icons/val -o site/model/gallery');
  command.action(async (paths: string[], values: Values) => {
    process.exitCode = await writeGallery(paths, values);
  });
}
