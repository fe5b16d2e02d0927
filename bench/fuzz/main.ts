/**
 * npm run bench -- fuzz [--minutes 1] [--seed 1] [--targets onnx,zip] [--out fuzz-findings]
 *
 * Changed files for every parser of files that others may have written: each is read, or refused in words for people. A process of
 * its own parses, and another one watches: anything else, a hang, or growth of the memory by more than 256 MB is a finding, written
 * to --out with its bytes. Minutes are of computing, so that a run that is stopped for a while, or has little of the machine, does as
 * much. The same seed gives the same inputs. Prints Markdown; exit code 1 when something was found. Linux.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Failure, Tally } from './messages.js';
import { fuzz } from './run.js';
import { targets } from './targets/index.js';

function chosenNames(list: string | undefined): string[] {
  const names = targets.map(({ name }) => name);
  const chosen = list?.split(',') ?? names;
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`--targets ${unknown.join(',')}: give some of ${names.join(',')}`);
  return chosen;
}

/** Writes what failed, and why, under a name that tells how to make it again. */
function keep(folder: string, seed: number, { target, index, reason, bytes }: Failure): void {
  const file = path.join(folder, `${target}-${seed}-${index}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.bin`, Buffer.from(bytes, 'base64'));
  writeFileSync(`${file}.txt`, `${reason}\n`);
  console.error(`${target} ${index}: ${reason.split('\n').slice(0, 4).join('\n')}\n  ${file}.bin`);
}

const count = (value: number): string => value.toLocaleString('en-US');

function table(tallies: ReadonlyMap<string, Tally>): string {
  const keys = ['executions', 'read', 'refused', 'failures'] as const;
  const sums = keys.map((key) => [...tallies.values()].reduce((total, tally) => total + tally[key], 0));
  const rows = [...tallies].map(([name, tally]) => [name, ...keys.map((key) => count(tally[key]))]);
  return [['parser', 'inputs', ...keys.slice(1)], Array<string>(5).fill('---'), ...rows, ['all', ...sums.map(count)]]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

export async function benchFuzz(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      targets: { type: 'string' },
      out: { type: 'string', default: 'fuzz-findings' },
    },
  });
  const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed take numbers');
  const names = chosenNames(values.targets);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const started = performance.now();
  const { tallies, findings, computed, growth } = await fuzz({
    module: new URL('targets/index.ts', import.meta.url).href,
    ...{ names, seed, minutes, signal: stop.signal },
    onFailure: (failure) => keep(values.out, seed, failure),
  });
  const wall = (performance.now() - started) / 6e4;
  console.log(`seed ${seed}, ${computed.toFixed(1)} minutes of computing in ${wall.toFixed(1)} minutes\n`);
  console.log(table(tallies));
  console.log(`\nResident memory grew by ${(growth / 2 ** 20).toFixed(0)} MiB at most; ${findings} findings.`);
  if (findings > 0) throw new Error(`${findings} findings, in ${values.out}`);
}
