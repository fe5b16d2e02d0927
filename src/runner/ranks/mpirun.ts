/** What is installed of MPI: where programs lie that start ranks, and where its libraries may. */
import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

export const installMpi = 'install MPI (Debian: apt-get install openmpi-bin)';

/** Where a program lies that the shell would find. */
export function onPath(name: string, env: Environment): string | undefined {
  const folders = (env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/** The program that has started this process, where Linux tells it: mpirun, or its daemon. */
function parentProgram(): string[] {
  try {
    return [readlinkSync(`/proc/${process.ppid}/exe`)];
  } catch {
    return [];
  }
}

/** Below the folder whose `bin` has the programs, by distribution and by who builds MPI by hand. */
const libraryFolders = ['lib', 'lib64', 'lib/openmpi/lib', 'lib64/openmpi/lib', 'lib64/mpich/lib', 'lib/release'];

/** Folders in which MPI's library may lie, of the installation that has started this process first; '' is where the loader looks. */
export function placesOfLibraries(env: Environment): string[] {
  const onShellsPath = ['mpirun', 'mpiexec'].flatMap((name) => onPath(name, env) ?? []);
  const programs = [...parentProgram(), ...onShellsPath].map((file) => realpathSync(file));
  const prefixes = [env.OPAL_PREFIX, env.I_MPI_ROOT, ...programs.map((file) => path.dirname(path.dirname(file)))];
  const folders = prefixes.flatMap((prefix) =>
    prefix === undefined ? [] : libraryFolders.map((folder) => path.join(prefix, folder)),
  );
  return [...new Set(['', ...folders])];
}
