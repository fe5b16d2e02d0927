/** Ranks of small programs (`ranks/*.mjs`) that speak by NCCL's stand-in (`bench/cuda/device/nccl.c`), started as torchrun does. */
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLibraries } from '../../bench/cuda/setup.js';

const programs = fileURLToPath(new URL('ranks', import.meta.url));

/** Whether the stand-in can be compiled here: where not, its tests are skipped. */
export const hasStandIn =
  process.platform === 'linux' && process.arch === 'x64' && spawnSync('gcc', ['--version']).status === 0;

/** For a process that is to find NCCL and CUDA's runtime, both of them pretended, in the host's memory. */
export const standIn = (): Record<string, string> => ({
  ...{ RANKS_OVER: 'nccl', LD_LIBRARY_PATH: buildLibraries(), PRETEND_CUDA_COPIES: 'all', PRETEND_CUDA_DEVICES: '8' },
});

/** A port that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

type Environment = Record<string, string | undefined>;

function start(program: string, args: readonly string[], env: Environment, within: number): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(programs, `${program}.mjs`), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (piece: string) => (text[stream] += piece));
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), within);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...text });
    });
  });
}

/**
 * @param ranks the environment of each, beside what all of them have
 * @param options.within milliseconds after which they are killed
 * @returns by rank
 */
export async function runByAddress(
  ranks: readonly Environment[],
  program: 'collectives' | 'fate',
  args: readonly string[],
  { within = 60_000, missing = [] as readonly number[] } = {},
): Promise<Ended[]> {
  const port = await freePort();
  const all = {
    ...{ ...standIn(), WORLD_SIZE: String(ranks.length), LOCAL_WORLD_SIZE: String(ranks.length) },
    ...{ MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port) },
  };
  const started = ranks.flatMap((own, rank) =>
    missing.includes(rank)
      ? []
      : [start(program, args, { ...all, RANK: String(rank), LOCAL_RANK: String(rank), ...own }, within)],
  );
  return Promise.all(started);
}
