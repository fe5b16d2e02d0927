// A rank that makes every collective call, and writes what it has got into FOLDER/RANK.json: mpirun mixes long lines of ranks.
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { openedRanks } from './open-ranks.mjs';
import { valuesOf } from './values.mjs';

const [folder, lengths, limits] = process.argv.slice(2);
const talk = await openedRanks({ timeoutSeconds: 60, ...(limits && { limits: JSON.parse(limits) }) });
const { rank, size } = talk;

const gathered = new Float32Array(size * 3);
await talk.allGather(Float32Array.of(rank, 10 * rank, -1), gathered);
const many = new Float32Array(size * 50);
await talk.allGather(valuesOf(rank, 50), many);

const hashes = {};
for (const length of lengths.split(',').map(Number)) {
  // Not at the beginning of its buffer, and its neighbors are nobody's business.
  const around = new Float32Array(length + 2).fill(7);
  const values = around.subarray(1, length + 1);
  values.set(valuesOf(rank, length));
  await talk.allReduce(values);
  if (around[0] !== 7 || around.at(-1) !== 7) throw new Error('allReduce wrote beside the values');
  hashes[length] = createHash('sha256').update(values).digest('hex');
}

// The same on every rank: sums that are rounded before they are divided would not come back to it.
const [same, mean] = [valuesOf(0, 1000), valuesOf(0, 1000)];
await talk.allReduce(mean, 'mean');
const means = [mean.every((value, i) => value === same[i])];
const uneven = Float32Array.of(rank, 2 * rank);
await talk.allReduce(uneven, 'mean');
means.push(...uneven);

const bytes = new Uint8Array(300).map((_, i) => i * (rank + 1));
await talk.broadcast(bytes.subarray(5, 295), 1);

// The calls of a rank may overlap: they are made one after another.
const [first, second] = [new Float32Array(size), Float32Array.of(1)];
await Promise.all([talk.allGather(Float32Array.of(rank), first), talk.allReduce(second), talk.barrier()]);

const mark = `${folder}/came-late`;
if (rank === size - 1) {
  await setTimeout(300);
  writeFileSync(mark, '');
}
await talk.barrier();
const waited = existsSync(mark);

await talk.close();
const own = { rank, size, gathered: [...gathered], many: [...many], hashes, means, bytes: [...bytes] };
writeFileSync(`${folder}/${rank}.json`, JSON.stringify({ ...own, overlapping: [...first, ...second], waited }));
