/** The two families of MPI libraries: the same functions, with other types and constants (mpi.h of Open MPI 4 and 5, of MPICH 3 and 4). */
import type { MpiStarter } from './place.js';

/** What stands for communicator, type and so on. */
export interface Handles {
  world: Handle;
  float: Handle;
  byte: Handle;
  errorsReturn: Handle;
}

/** An address in Open MPI's library, a number of MPICH's. */
export type Handle = bigint | number;

export interface Flavor {
  /** In C. */
  handleType: 'void *' | 'int';
  /** A handle each: a symbol of the library, whose address it is, or the number itself. */
  handles: Readonly<Record<keyof Handles, string | number>>;
  /** MPI_IN_PLACE. */
  inPlace: bigint;
  /** MPI_STATUS_IGNORE. */
  ignoreStatus: bigint;
}

const openMpi: Flavor = {
  handleType: 'void *',
  handles: {
    world: 'ompi_mpi_comm_world',
    float: 'ompi_mpi_float',
    byte: 'ompi_mpi_byte',
    errorsReturn: 'ompi_mpi_errors_return',
  },
  inPlace: 1n,
  ignoreStatus: 0n,
};

/** Also of those that keep to its binary interface: Intel MPI, MVAPICH, Cray MPI. */
const mpich: Flavor = {
  handleType: 'int',
  handles: { world: 0x44000000, float: 0x4c00040a, byte: 0x4c00010d, errorsReturn: 0x54000001 },
  inPlace: 2n ** 64n - 1n,
  ignoreStatus: 1n,
};

/** By a symbol that mpi.h of the family alone refers to. */
export const flavors: readonly { name: 'Open MPI' | 'MPICH'; symbol: string; flavor: Flavor }[] = [
  { name: 'Open MPI', symbol: 'ompi_mpi_comm_world', flavor: openMpi },
  { name: 'MPICH', symbol: 'MPIR_Dup_fn', flavor: mpich },
];

const openMpiNames = ['libmpi.so.40', 'libmpi.so'];
const mpichNames = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.so'];

/** By what has started the ranks: which libraries can meet there, the likeliest first. */
export const libraryNames: Readonly<Record<MpiStarter, readonly string[]>> = {
  'Open MPI': openMpiNames,
  MPICH: mpichNames,
  Slurm: [...openMpiNames, ...mpichNames],
};
