/** `dws embed`. */
import { dirname } from 'node:path';
import { UserError } from '../../runner/base/errors.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import { printableName } from '../../runner/base/printable-name.js';
import { embedImages } from '../../runner/evaluation/embed.js';
import { formatOf, writeEmbeddings } from '../../runner/evaluation/embedding-files.js';
import type { EmbeddingFormat } from '../../runner/evaluation/embedding-formats.js';
import { ensureWritableFile, makingFolder } from '../../runner/base/files.js';
import { findImages } from '../../runner/evaluation/find-images.js';
import { count, evalStages } from '../format.js';
import type { OptionValues } from '../options.js';
import type { device, inference, ranks } from '../option-tables.js';
import { outputIsAside } from '../output.js';
import { asRanks } from '../ranked.js';
import { terminal } from '../terminal.js';
import { destinationOf } from '../../runner/base/destination.js';

interface Values extends Omit<OptionValues<typeof inference & typeof ranks & typeof device>, 'threads'> {
  threads: number | undefined;
  out: string | undefined;
  format: EmbeddingFormat | undefined;
}

/** @throws UserError for an ending that nothing is written as, or that is not the format's */
async function outputOf({ out, format }: Pick<Values, 'out' | 'format'>): Promise<string> {
  if (out === undefined) return `embeddings.${format ?? 'npy'}`;
  // A device or a pipe has no ending that says anything; what can't be looked at fails when it is written.
  const { isFile } = await destinationOf(out).catch(() => ({ isFile: true }));
  if (!isFile && format !== undefined) return out;
  const named = formatOf(out);
  if (format === undefined || format === named) return out;
  throw new UserError(
    `--format ${format} with --out ${out}, which is a ${named}: leave --format out, or name a .${format}.`,
  );
}

/** Returns the program's exit code. */
export const embed = (paths: string[], values: Values): Promise<number> =>
  asRanks('dws embed', values, async ({ checkpoint, format, out: given, ...options }, signal, isFirst) => {
    const out = await outputOf({ out: given, format });
    outputIsAside();
    const notes: string[] = [];
    const images = await findImages(paths, (folder, passed) => {
      const note = passedOverNote(passed, folder);
      if (note !== undefined) notes.push(note);
    });
    const progress = (stage: 'check' | 'embed') => (done: number, total: number) => {
      signal.throwIfAborted();
      terminal.status(`${evalStages[stage]} ${count(done)}/${count(total)}`);
    };
    const hooks = { signal, onCheck: progress('check'), onProgress: progress('embed') };
    const embedAll = () => embedImages(checkpoint, images, options, hooks);
    if (!isFirst) {
      await embedAll();
      return;
    }
    const { embedded, files } = await makingFolder(dirname(out), async () => {
      await ensureWritableFile(out);
      const embedded = await embedAll();
      return { embedded, files: await writeEmbeddings(out, embedded, format) };
    });
    for (const note of notes) terminal.print(note);
    for (const { path: file, reason } of embedded.skipped) terminal.print(`left out ${printableName(file)}: ${reason}`);
    terminal.print(
      `${count(embedded.paths.length)} embeddings of ${embedded.dim} dimensions: ${files.map(printableName).join(', ')}`,
    );
  });
