import { dirname } from 'node:path';
import type { Command } from 'commander';
import { printableName } from '../../runner/data/printable-name.js';
import { embedImages } from '../../runner/embed.js';
import type { EmbeddingFormat } from '../../runner/embedding-files.js';
import { writeEmbeddings } from '../../runner/embedding-files.js';
import { ensureWritableFolder } from '../../runner/files.js';
import { findImages } from '../../runner/find-images.js';
import { deviceOptions } from '../device.js';
import { count, evalStages } from '../format.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, withDefault } from '../options.js';
import { device, inference } from '../option-tables.js';
import { oneOf, path } from '../parsers.js';
import { terminal } from '../terminal.js';

const formats: EmbeddingFormat[] = ['npy', 'jsonl'];

const own = {
  format: withDefault('name', 'npy, with the paths in a .txt beside it, or jsonl', oneOf(formats), 'npy'),
  out: optional('file', 'file to write (default: embeddings.npy or embeddings.jsonl)', path),
  ...inference,
};

export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('images -> embeddings, as a NumPy array or as JSON lines')
    .argument('<paths...>', 'image files, and folders of them at any depth');
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws embed --checkpoint runs/resnet18-0/best.safetensors data/icons/val --out icons.npy');
  command.action(async (paths: string[], values: OptionValues<typeof own & typeof device>) => {
    const { checkpoint, format, out = `embeddings.${format}` } = values;
    const onDevice = deviceOptions(values);
    const images = await findImages(paths);
    await ensureWritableFolder(dirname(out));
    const progress = (stage: 'check' | 'embed') => (done: number, total: number) =>
      terminal.status(`${evalStages[stage]} ${count(done)}/${count(total)}`);
    const embedded = await embedImages(
      checkpoint,
      images,
      { ...values, ...onDevice },
      { onCheck: progress('check'), onProgress: progress('embed') },
    );
    const files = await writeEmbeddings(out, format, embedded);
    for (const { path, reason } of embedded.skipped) terminal.print(`left out ${printableName(path)}: ${reason}`);
    terminal.print(`${count(embedded.paths.length)} embeddings of ${embedded.dim} dimensions: ${files.join(', ')}`);
  });
}
