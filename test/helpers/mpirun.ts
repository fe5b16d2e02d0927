/** Ranks of small programs (`ranks/*.mjs`), started as a program starts them, by each mpirun that is installed. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const programs = fileURLToPath(new URL('ranks', import.meta.url));
const names = ['mpirun.openmpi', 'mpirun.mpich', 'mpirun', 'mpiexec'];

function installed(version: RegExp): string | undefined {
  return names.find((name) => version.test(spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? ''));
}

export interface MpiRun {
  name: string;
  /** Undefined where it is not installed. */
  program: string | undefined;
  /** What a test of it is called. */
  title: string;
}

/** Both of them, there or not. */
export const mpiRuns: readonly MpiRun[] = [
  { name: 'Open MPI', version: /OpenRTE|Open MPI/ },
  { name: 'MPICH', version: /HYDRA/ },
].map(({ name, version }) => {
  const program = installed(version);
  return { name, program, title: program ? name : `${name}, whose mpirun is not installed here` };
});

/** An environment in which `mpirun` is this one. */
function environment({ program }: MpiRun, folder: string): NodeJS.ProcessEnv {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'mpirun'), `#!/bin/sh\nexec ${program} "$@"\n`);
  chmodSync(path.join(bin, 'mpirun'), 0o755);
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** That the ranks had to be killed, being there too long. */
  late: boolean;
}

export interface Ranks {
  size: number;
  program: 'codes' | 'collectives' | 'fate' | 'in-a-thread' | 'signals';
  args: readonly string[];
  /** Called once, when the output first has this line. */
  at?: { line: RegExp; then: (launcher: ChildProcess) => void };
  env?: Readonly<Record<string, string>>;
  /** Milliseconds after that line by which all have to be gone. */
  within?: number;
}

/** @param folder of the test's own */
export function runRanks(mpi: MpiRun, folder: string, { size, program, args, at, within, env }: Ranks): Promise<Ended> {
  const command = [path.join(programs, 'launch.mjs'), String(size), path.join(programs, `${program}.mjs`), ...args];
  const child = spawn(process.execPath, command, {
    env: { ...environment(mpi, folder), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  let [met, late] = [false, false];
  let timer: NodeJS.Timeout | undefined;
  const kill = () => {
    late = true;
    for (const [, pid] of text.stdout.matchAll(/^pid (\d+)$/gm)) process.kill(Number(pid), 'SIGKILL');
    child.kill();
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (piece: string) => {
      text[stream] += piece;
      if (met || !at?.line.test(text.stdout)) return;
      met = true;
      at.then(child);
      if (within !== undefined) timer = setTimeout(kill, within);
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...text, late });
    });
  });
}
