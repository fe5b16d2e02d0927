/** What tests know of MPI on this machine. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { main } from '../cli/dws.js';

/** Open MPI's `mpirun`; false where it is not installed, and tests of ranks are skipped. */
export const hasOpenMpi = /Open MPI|OpenRTE/.test(
  spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

/** For ranks of root, as in a container. */
const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };

/** Starts ranks that are each given other arguments, and returns how they fail. */
export async function failedRanks(cwd: string, ranks: readonly string[]): Promise<{ code: number; stderr: string }> {
  const commands = ranks.map((args) => ['-n', '1', process.execPath, main, ...args.trim().split(' ')]);
  const joined = commands.flatMap((command, i) => [...(i > 0 ? [':'] : []), ...command]);
  const env = { ...process.env, ...asRoot };
  const started = promisify(execFile)('mpirun', ['--oversubscribe', ...joined], { cwd, env });
  const ended: unknown = await started.catch((error: unknown) => error);
  const { code = 0, stderr } = ended as { code?: number; stderr: string };
  return { code, stderr };
}
