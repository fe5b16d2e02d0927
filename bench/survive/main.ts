/**
 * What a training outlives, at full size; build dist/ before.
 *
 *     npx tsx bench/survive/main.ts kills [--count 100] [--seed 1]
 *     npx tsx bench/survive/main.ts disk|damage [--count 20] [--seed 1]
 *     npx tsx bench/survive/main.ts soak [--count 20000]
 */
import { parseArgs } from 'node:util';
import { damagedCheckpoints } from './damage.js';
import { fullDisks } from './disk.js';
import { kills } from './kills.js';
import type { Trials } from './small-run.js';
import { inFreshFolder } from './small-run.js';
import { soak } from './soak.js';

const trials: Record<string, { count: number; run: (trials: Trials) => Promise<void> }> = {
  kills: { count: 100, run: kills },
  disk: { count: 20, run: fullDisks },
  damage: { count: 20, run: damagedCheckpoints },
};
const soakSteps = 20_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const [name = ''] = positionals;
const trial = Object.hasOwn(trials, name) ? trials[name] : undefined;
if (!trial && name !== 'soak') {
  console.error(
    `usage: npx tsx bench/survive/main.ts ${[...Object.keys(trials), 'soak'].join('|')} [--count N] [--seed N]`,
  );
  process.exit(2);
}
if (!trial) await soak(Number(values.count ?? soakSteps));
else {
  console.log(`seed ${values.seed}`);
  await inFreshFolder(Number(values.seed), Number(values.count ?? trial.count), trial.run);
}
console.log('passed');
