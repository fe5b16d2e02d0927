/** SIGKILL of a random rank at random moments of a training on two ranks. Linux; Open MPI or MPICH. */
import { readdir, readFile, rm } from 'node:fs/promises';
import type { Circumstances, Trials } from './small-run.js';
import { fingerprint, fraction, newestStep, requireSame, runSmall } from './small-run.js';

const ranks = 2;
const rankTimeout = 10;
const more = ['--ranks', String(ranks), '--rank-timeout', String(rankTimeout)];
/** Known in the environment of each process of a trial. */
const mark = 'DWS_TRIAL';

/** Processes of a trial, by their rank; those that start them have none. */
async function processesOf(trial: string): Promise<{ pid: number; rank: number | undefined }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (name) => {
      const text = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
      const environment = new Map(text.split('\0').map((line) => line.split(/=(.*)/s) as [string, string]));
      if (environment.get(mark) !== trial) return [];
      const rank = environment.get('OMPI_COMM_WORLD_RANK') ?? environment.get('PMI_RANK');
      return [{ pid: Number(name), rank: rank === undefined ? undefined : Number(rank) }];
    }),
  );
  return found.flat();
}

async function finish(data: string, folder: string): Promise<number> {
  const { code, text, seconds } = await runSmall(data, folder, { more });
  if (code !== 0) throw new Error(`the training on ${ranks} ranks in ${folder} ended with ${code}:\n${text}`);
  return seconds;
}

/** @throws Error when anything is left running, a checkpoint is damaged, or the resumed training's are other bytes */
export async function killedRanks({ random, count, data, folder }: Trials): Promise<void> {
  const whole = `${folder}-ranks`;
  const seconds = await finish(data, whole);
  const expected = await fingerprint(whole);
  console.log(`on ${ranks} ranks, uninterrupted: ${seconds.toFixed(1)} s`);
  for (let trial = 1; trial <= count; trial++) {
    const name = `${process.pid}-${trial}`;
    const after = Math.round(1000 * seconds * fraction(random));
    const rank = random.int(ranks);
    let killedAt: number | undefined;
    const killRank = async (): Promise<void> => {
      const victim = (await processesOf(name)).find((found) => found.rank === rank);
      if (!victim) return;
      killedAt = performance.now();
      process.kill(victim.pid, 'SIGKILL');
    };
    const circumstances: Circumstances = { more, env: { [mark]: name }, after, act: () => void killRank() };
    const { code, text } = await runSmall(data, folder, circumstances);
    const took = killedAt === undefined ? 0 : (performance.now() - killedAt) / 1000;
    const left = await processesOf(name);
    if (left.length > 0) throw new Error(`after rank ${rank} was killed, ${left.length} processes are left`);
    if (killedAt !== undefined && (code === 0 || took > 2 * rankTimeout)) {
      throw new Error(
        `rank ${rank} was killed, and the others ended with ${code} after ${took.toFixed(1)} s:\n${text}`,
      );
    }
    const step = await newestStep(folder);
    await finish(data, folder);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true });
    const what =
      killedAt === undefined
        ? `no rank ${rank} after ${after} ms`
        : `rank ${rank} killed after ${after} ms, all gone ${took.toFixed(1)} s later`;
    console.log(`${trial}/${count}  ${what}, newest checkpoint at step ${step}, resumed to the same bytes`);
  }
}
