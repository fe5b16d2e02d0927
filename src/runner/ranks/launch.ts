/** Ranks on this machine, started by the mpirun that is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { UserError } from '../base/errors.js';
import { exitCodes } from './exit-codes.js';
import { installMpi, onPath } from './mpirun.js';
import type { MpiStarter } from './place.js';
import { placeOfProcess } from './place.js';
import { signalRanks } from './signal-ranks.js';
import { launcherVariable } from './watch-messages.js';

interface Starter {
  by: MpiStarter;
  /** The variable that its ranks have. */
  rank: 'OMPI_COMM_WORLD_RANK' | 'PMI_RANK';
  /** Whether its exit code is that of the first rank that has failed. */
  tellsFirst: boolean;
  /** In what `mpirun --version` says. */
  version: RegExp;
  /** On this machine, also where a batch system has lent more; as many as asked for; every rank on all cores, which its threads share out. */
  args: (size: number) => string[];
  env: Readonly<Record<string, string>>;
  rootEnv: Readonly<Record<string, string>>;
}

const starters: readonly Starter[] = [
  {
    by: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    tellsFirst: true,
    version: /Open MPI|OpenRTE|PRRTE/,
    args: (size) => [
      '--quiet',
      '--host',
      `localhost:${size}`,
      '--oversubscribe',
      '--bind-to',
      'none',
      '-n',
      String(size),
    ],
    // By which other machines are reached. None is, but Open MPI 4 does not start where neither ssh nor what is named here is installed.
    env: { OMPI_MCA_plm_rsh_agent: process.execPath },
    rootEnv: { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
  },
  {
    by: 'MPICH',
    rank: 'PMI_RANK',
    tellsFirst: false,
    version: /HYDRA|Intel\(R\) MPI/,
    args: (size) => ['-launcher', 'fork', '-hosts', 'localhost', '-n', String(size)],
    env: {},
    rootEnv: {},
  },
];

const names = ['mpirun', 'mpiexec', 'mpirun.openmpi', 'mpirun.mpich'];

/** The first one whose manner is known. @throws UserError where there is none */
export function starterOnPath(env: NodeJS.ProcessEnv): Starter & { file: string } {
  const files = names.flatMap((name) => onPath(name, env) ?? []);
  for (const file of files) {
    const { stdout } = spawnSync(file, ['--version'], { env, encoding: 'utf8' });
    const starter = starters.find(({ version }) => version.test(stdout ?? ''));
    if (starter) return { ...starter, file };
  }
  throw new UserError(
    files.length > 0
      ? `${files.join(', ')}: neither Open MPI's nor MPICH's mpirun: ${installMpi}, or start the ranks by what is there`
      : `mpirun is not on the PATH, and several ranks are started by it: ${installMpi}`,
  );
}

/** A script is run by this Node.js, with its options. */
const commandOf = (program: string, nodeArgs: readonly string[]): string[] =>
  /\.[cm]?[jt]s$/.test(realpathSync(program))
    ? [process.execPath, ...process.execArgv, ...nodeArgs, program]
    : [program];

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Starts `size` ranks of this very command on this machine with mpirun, passes signals on, returns the exit code.
 *
 * mpirun is in a session of its own, so that Ctrl-C comes once, from here, and to the ranks: mpirun would give them one second. They read
 * nothing from the terminal.
 *
 * @param options.program a script of Node.js's, or a program
 * @returns of the first rank that has failed, else 0; 128 and the signal's number when one ended mpirun
 * @throws UserError where no mpirun is installed, and in a rank
 */
export async function launchRanks(options: {
  size: number;
  args: readonly string[];
  program: string;
  env?: NodeJS.ProcessEnv;
}): Promise<number> {
  const { size, args, program, env = process.env } = options;
  const place = placeOfProcess(env, 'NCCL');
  if (place) {
    const { by, rank } = place;
    throw new UserError(
      `${by} has started this process, as rank ${rank} of ${place.size}: it does not start ranks of its own`,
    );
  }
  const starter = starterOnPath(env);
  const codes = await exitCodes();
  const child = spawn(starter.file, [...starter.args(size), ...commandOf(program, codes.nodeArgs), ...args], {
    env: {
      ...env,
      ...starter.env,
      ...codes.env,
      [launcherVariable]: String(process.pid),
      ...(process.getuid?.() === 0 && starter.rootEnv),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const pass = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && !signalRanks(child.pid, starter.rank, signal)) child.kill(signal);
  };
  for (const signal of passedOn) process.on(signal, pass);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', (error) => reject(new UserError(`${starter.file} can't be started: ${error.message}`)));
      child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
    });
    return starter.tellsFirst ? code : ((await codes.first()) ?? code);
  } finally {
    for (const signal of passedOn) process.off(signal, pass);
    await codes.remove();
  }
}
