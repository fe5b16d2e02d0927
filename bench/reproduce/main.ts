/**
 * npm run bench -- reproduce [--steps 15] [--table]
 *
 * Trains a small network for about a minute, has `dws verify` repeat it, and plants differences in the data and in the record:
 * each has to be found and named, before anything is trained where that can be known, and by the numbers where it can't. With
 * --table, prints what comes out again to the bit, and how far apart the losses get where it does not, instead.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeNoise } from '../survive/small-run.js';
import { plants } from './plants.js';
import { dws, expectDws, settings } from './runs.js';
import { printTable } from './table.js';

async function verifyAndPlant(root: string, data: string, steps: number): Promise<void> {
  const run = path.join(root, 'run');
  const trained = await expectDws(0, [
    'train',
    '--data-path',
    data,
    '--out',
    run,
    '--threads',
    '2',
    ...settings(steps),
  ]);
  console.log(`trained ${2 * steps} steps in ${trained.seconds.toFixed(0)} s`);
  const verified = await expectDws(0, ['verify', run]);
  if (!verified.text.includes('\nidentical: ')) throw new Error(`dws verify says:\n${verified.text}`);
  console.log(`verified in ${verified.seconds.toFixed(0)} s: ${verified.text.trim().split('\n').at(-1)}`);
  for (const [index, { name, prepare, code, says }] of plants.entries()) {
    const args = await prepare({ run, data, copy: path.join(root, `plant-${index}`) });
    const ended = await dws(['verify', ...args]);
    const missing = says.filter((text) => !text.test(ended.text));
    if (ended.code !== code || missing.length > 0) {
      throw new Error(
        `${name}: ended with ${ended.code}, not ${code}, or did not say ${missing.join(', ')}:\n${ended.text}`,
      );
    }
    console.log(`found in ${ended.seconds.toFixed(0)} s: ${name}`);
    console.log(ended.text.trim().replaceAll(/^/gm, '    '));
  }
}

export async function benchReproduce(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { steps: { type: 'string', default: '15' }, table: { type: 'boolean', default: false } },
  });
  const root = await mkdtemp(path.join(tmpdir(), 'dws-reproduce-'));
  try {
    const data = path.join(root, 'data');
    await writeNoise(data);
    await (values.table ? printTable : verifyAndPlant)(root, data, Number(values.steps));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
