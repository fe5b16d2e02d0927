/**
 * What a training outlives, at full size; build dist/ before. Linux; a full disk takes root.
 *
 *     npm run bench -- survive kills|output|two|power|steps [--count 100] [--seed 1]
 *     npm run bench -- survive disk|damage [--count 20] [--seed 1]
 *     npm run bench -- survive ranks [--count 50] [--seed 1]
 *     npm run bench -- survive soak [--count 20000]
 */
import { parseArgs } from 'node:util';
import { damagedCheckpoints } from './damage.js';
import { fullDisks } from './disk.js';
import { kills } from './kills.js';
import type { Trials } from './small-run.js';
import { inFreshFolder } from './small-run.js';
import { lostOutput } from './output.js';
import { powerCuts } from './power.js';
import { killedRanks } from './ranks.js';
import { soak } from './soak.js';
import { killsInWrites } from './steps.js';
import { twoAtOnce } from './two.js';

const inTrials =
  (run: (trials: Trials) => Promise<void>) =>
  async (count: number, seed: number): Promise<void> => {
    console.log(`seed ${seed}`);
    await inFreshFolder(seed, count, run);
  };

const benchmarks: Record<string, { count: number; run: (count: number, seed: number) => Promise<void> }> = {
  kills: { count: 100, run: inTrials(kills) },
  output: { count: 100, run: inTrials(lostOutput) },
  two: { count: 100, run: inTrials(twoAtOnce) },
  power: { count: 100, run: inTrials(powerCuts) },
  steps: { count: 100, run: inTrials(killsInWrites) },
  disk: { count: 20, run: inTrials(fullDisks) },
  damage: { count: 20, run: inTrials(damagedCheckpoints) },
  ranks: { count: 50, run: inTrials(killedRanks) },
  soak: { count: 20_000, run: soak },
};

/** @throws Error saying what was not outlived */
export async function benchSurvive(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { count: { type: 'string' }, seed: { type: 'string', default: '1' } },
  });
  const [name = ''] = positionals;
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (!benchmark) throw new Error(`survive takes ${Object.keys(benchmarks).join('|')} [--count N] [--seed N]`);
  await benchmark.run(Number(values.count ?? benchmark.count), Number(values.seed));
  console.log('passed');
}
