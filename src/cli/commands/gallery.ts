import type { Command } from 'commander';
import { galleryDtypes } from '../../graph/artifacts/gallery.js';
import { galleryDefaults } from '../../runner/options/defaults.js';
import { backboneModule } from '../modules.js';
import type { OptionRow, OptionValues } from '../options.js';
import { addExample, addOptions, required, toggle, withDefault } from '../options.js';
import { checkpoint, device, imageReading, inference } from '../option-tables.js';
import { integer, oneOf, path, paths } from '../parsers.js';

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

export function addGallery(program: Command): void {
  const command = program
    .command('gallery')
    .description('images -> a folder that a page searches in')
    .argument(
      '<paths...>',
      'image files, and folders of them at any depth; the folder that an image lies in is its class',
      paths,
    );
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws gallery --checkpoint runs/resnet18-0/best.safetensors data/icons/val -o site/model/gallery');
  command.action(async (paths: string[], values: Values) => {
    const { writeGallery } = await import('../actions/gallery.js');
    process.exitCode = await writeGallery(paths, values);
  });
}
