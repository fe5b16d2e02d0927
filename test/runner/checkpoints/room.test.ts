import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { StatsFs } from 'node:fs';
import type { statfs } from 'node:fs/promises';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { partsOf } from '../../../src/graph/parts/parts.js';
import { stateTensors } from '../../../src/graph/parts/state.js';
import { checkpointBytes, freeBytes, lackOfRoom, requireRoom } from '../../../src/runner/checkpoints/room.js';
import { parseRunOptions } from '../../../src/runner/options/plan.js';
import { noSmallDisk, smallDisk } from '../../helpers/small-disk.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { smallRun, trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

it('a folder that is not there yet has the room of the one above it', async () => {
  const free = await freeBytes(at('not', 'there', 'yet'));
  expect(free).toBeGreaterThan(0);
  await requireRoom(at('not', 'there'), 1);
  expect(existsSync(at('not'))).toBe(false);
});

it('what a file system keeps for root is not counted as free, as by df', async () => {
  const ask = () => Promise.resolve({ bsize: 4096, blocks: 1e8, bfree: 58_000_000, bavail: 18_780_000 } as StatsFs);
  const free = (place: string) => freeBytes(place, ask as unknown as typeof statfs);
  expect(await lackOfRoom(folder.path, 195e9, free)).toBe('195.0 GB, and its disk has 76.9 GB left');
  expect(await lackOfRoom(folder.path, 76e9, free)).toBeUndefined();
});

it('a disk that cannot hold one checkpoint is named, with what is missing and what to do', async () => {
  await expect(requireRoom(at('run'), 1e18)).rejects.toThrow(
    /^can't write checkpoints to .*run: one takes 1000000000\.0 GB, and its disk has .* left; free some space or choose another folder with --out\.$/,
  );
});

it.each(['sgd', 'adam'])(
  'the size of a checkpoint of %s is known before it is written, to a percent',
  async (optimizer) => {
    await writeImageFolder(at('data'));
    const options = { dataPath: at('data'), out: at(optimizer), optimizer };
    const { files } = await trainSmall(options);
    const plan = parseRunOptions(smallRun(options));
    const parts = partsOf({ ...plan.graph, classes: 4 }, plan.modules.definitions);
    const expected = checkpointBytes(stateTensors(plan.network.layout, parts));
    const { size } = await stat(files.checkpoint!);
    expect(expected).toBeGreaterThan(0.99 * size);
    expect(expected).toBeLessThan(1.01 * size);
  },
);

it('a training does not begin on such a disk', async ({ skip }) => {
  await mkdir(at('disk'));
  if (!smallDisk(at('disk'))) skip(noSmallDisk);
  try {
    await writeImageFolder(at('data'));
    const training = trainSmall({ dataPath: at('data'), out: at('disk', 'run') });
    await expect(training).rejects.toThrow(
      /^can't write checkpoints to .*disk.run: one takes .* MB, and its disk has 1\.0 MB left/,
    );
    expect(existsSync(at('disk', 'run'))).toBe(false);
  } finally {
    execFileSync('umount', [at('disk')]);
  }
});
