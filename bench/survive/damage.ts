/** Checkpoints that are damaged between a kill and the resumed run. */
import { open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Philox } from '../../src/graph/state/philox.js';
import type { Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, newestStep, requireSame, runSmall } from './small-run.js';

async function overwrite(file: string, at: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
  await handle.close();
}

type Damage = (file: string, size: number, random: Philox) => Promise<void>;

/** In place: a hard link to the file (the best one, an epoch's) is damaged with it. */
const damages: Record<string, Damage> = {
  'cut short': (file, size, random) => truncate(file, random.int(size)),
  emptied: (file) => truncate(file, 0),
  'one byte changed': async (file, size, random) => {
    const at = random.int(size);
    const handle = await open(file, 'r+');
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.close();
    await overwrite(file, at, Uint8Array.of(buffer[0]! ^ (1 << random.int(8))));
  },
  'a block of zeros': (file, size, random) => overwrite(file, random.int(size - 4096), new Uint8Array(4096)),
  'replaced by text': async (file) => {
    await rm(file);
    await writeFile(file, 'this was a checkpoint\n');
  },
  removed: (file) => rm(file),
};

/** @throws Error when a damaged file is not named, or the resumed run's checkpoint has other bytes */
export async function damagedCheckpoints({ random, count, data, folder, expected, seconds }: Trials): Promise<void> {
  const names = Object.keys(damages);
  for (let trial = 1; trial <= count; trial++) {
    const file = path.join(folder, 'checkpoint.safetensors');
    let size = 0;
    while (size === 0) {
      await runSmall(data, folder, Math.round(1000 * seconds * (0.4 + 0.6 * fraction(random))));
      size = await stat(file).then(
        (found) => found.size,
        () => 0,
      );
    }
    const step = await newestStep(folder);
    const name = names[trial % names.length]!;
    await damages[name]!(file, size, random);
    const { text } = await finishSmall(data, folder);
    if (name !== 'removed' && !text.includes(file)) throw new Error(`the damaged file is not named:\n${text}`);
    // The best may have been damaged as well, where it is the same file or came before the checkpoint that is taken instead.
    requireSame(await fingerprint(folder), expected, ['checkpoint.safetensors']);
    const from = /resumed {2}after .*, ([\d,]+) steps?/.exec(text)?.[1] ?? '0';
    await rm(folder, { recursive: true });
    console.log(`${trial}/${count}  ${name} at step ${step}, went on from step ${from} to the same bytes`);
  }
}
