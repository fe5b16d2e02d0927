import type { Command } from 'commander';
import { galleryDtypes } from '../../graph/artifacts/gallery.js';
import type { GalleryStage } from '../../runner/shipping/gallery.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import { galleryDefaults } from '../../runner/options/defaults.js';
import { makeGallery } from '../../runner/shipping/gallery.js';
import { count, counted, evalStages, megabytes } from '../format.js';
import { untilInterrupted } from '../interrupt.js';
import { inferenceOptions } from '../inference-options.js';
import { backboneModule } from '../modules.js';
import type { OptionRow, OptionValues } from '../options.js';
import { addExample, addOptions, required, toggle, withDefault } from '../options.js';
import { checkpoint, device, imageReading, inference } from '../option-tables.js';
import { integer, oneOf, path } from '../parsers.js';
import { outputIsAside } from '../output.js';
import { terminal } from '../terminal.js';

const own = {
  checkpoint,
  ...backboneModule,
  out: { ...required('dir', 'folder to write, of its own; an older gallery is replaced', path), short: 'o' },
  dtype: withDefault(
    'name',
    'how embeddings are stored: float32, or int8 in a quarter of the size',
    oneOf(galleryDtypes),
    galleryDefaults.dtype,
  ),
  thumbSize: withDefault(
    'pixels',
    'width and height of the small images',
    integer({ min: 16, max: 512 }),
    galleryDefaults.thumbSize,
  ),
  noMap: {
    description:
      'leave out the map (UMAP; of more than 5,000 images, 5,000 are laid out and the others put between them)',
  } as OptionRow<never>,
  features: toggle('write what the last layer takes of each image, so that a page can search with what it was taught'),
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
const writeGallery = (paths: string[], values: Values): Promise<number> =>
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
    terminal.print(`${out}: ${counted(info.count, 'image')} of ${classes} classes, ${embeddings}, ${megabytes(bytes)}`);
  });

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
