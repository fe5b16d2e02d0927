/** What tests know of MPI on this machine. */
import { spawnSync } from 'node:child_process';

/** Open MPI's `mpirun`; false where it is not installed, and tests of ranks are skipped. */
export const hasOpenMpi = /Open MPI|OpenRTE/.test(
  spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

/** For ranks of root, as in a container. */
export const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
