/** Where a process is among the ranks, as told by what has started it. */
import { UserError } from '../base/errors.js';

/** Who starts ranks that find each other by MPI. */
export type MpiStarter = 'Open MPI' | 'MPICH' | 'Slurm';
export type StartedBy = MpiStarter | 'torchrun';
/** What a process can speak with other ranks: NCCL only where it computes on a GPU, also beside MPI. */
export type Speaks = 'MPI' | 'NCCL';

export interface Place {
  rank: number;
  size: number;
  /** Among the ranks of its machine. */
  localRank: number;
  localSize: number;
  by: StartedBy;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Names = Record<Exclude<keyof Place, 'by'>, string>;

/**
 * Who is asked first, and the variables that it sets. Slurm also starts the daemons of the others, whose ranks inherit its variables; and a
 * batch script has SLURM_PROCID and SLURM_NTASKS, but those of a step only where `srun` has started one.
 */
const starters: readonly { by: MpiStarter; names: Names }[] = [
  {
    by: 'Open MPI',
    names: {
      rank: 'OMPI_COMM_WORLD_RANK',
      size: 'OMPI_COMM_WORLD_SIZE',
      localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
      localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
    },
  },
  {
    by: 'MPICH',
    names: { rank: 'PMI_RANK', size: 'PMI_SIZE', localRank: 'MPI_LOCALRANKID', localSize: 'MPI_LOCALNRANKS' },
  },
  {
    by: 'Slurm',
    names: {
      rank: 'SLURM_PROCID',
      size: 'SLURM_STEP_NUM_TASKS',
      localRank: 'SLURM_LOCALID',
      localSize: 'SLURM_STEP_TASKS_PER_NODE',
    },
  },
];

/** The variables of torchrun, and of who does as it does: its ranks find each other by an address, and speak by NCCL alone. */
const torchrun: { by: StartedBy; names: Names } = {
  by: 'torchrun',
  names: { rank: 'RANK', size: 'WORLD_SIZE', localRank: 'LOCAL_RANK', localSize: 'LOCAL_WORLD_SIZE' },
};

/** Who starts ranks that can't find each other by MPI: known by all of these variables. */
const strangers = [
  { who: 'torchrun', size: 'WORLD_SIZE', marks: ['RANK', 'LOCAL_RANK', 'MASTER_ADDR'] },
  { who: 'a launcher that is not known', size: 'PMI_SIZE', marks: ['PMI_RANK'] },
] as const;

function wholeNumber(env: Environment, name: string): number {
  const text = env[name]!;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError(`the environment has ${name}=${text}, which is no rank or number of ranks: start with mpirun -n`);
}

/** Slurm tells the tasks of all nodes, 2(x3),1: of three nodes with two and one with one. */
function tasksOfNode(env: Environment, name: string): number {
  const counts = env[name]!.split(',').flatMap((part) => {
    const [, tasks, nodes = '1'] = /^(\d{1,9})(?:\(x(\d{1,6})\))?$/.exec(part) ?? [];
    return tasks === undefined ? [] : Array.from({ length: Number(nodes) }, () => Number(tasks));
  });
  const own = counts[Number(env.SLURM_NODEID ?? 0)];
  if (own !== undefined) return own;
  throw new UserError(`Slurm's ${name}=${env[name]} does not have this node, SLURM_NODEID=${env.SLURM_NODEID}`);
}

const there = (env: Environment, names: readonly string[]): boolean => names.every((name) => env[name] !== undefined);

function placeBy(env: Environment, table: readonly { by: StartedBy; names: Names }[]): Place | undefined {
  const found = table.find(({ names }) => there(env, Object.values(names)));
  if (!found) return undefined;
  const { by, names } = found;
  const [rank, size] = [wholeNumber(env, names.rank), wholeNumber(env, names.size)];
  // A shell that srun has opened is a step of one task: what is started in it was started by hand.
  if (by === 'Slurm' && size === 1) return undefined;
  if (rank >= size) {
    throw new UserError(
      `the environment has ${names.rank}=${rank} of ${names.size}=${size} ranks: ranks begin at 0; start with mpirun -n`,
    );
  }
  const localSize = (by === 'Slurm' ? tasksOfNode : wholeNumber)(env, names.localSize);
  return { rank, size, localRank: wholeNumber(env, names.localRank), localSize, by };
}

/**
 * Whether this process is a rank beside the first, which tells, records and keeps what all of them have.
 *
 * @throws UserError as `placeOfProcess`
 */
export const isAside = (env: Environment = process.env): boolean => (placeOfProcess(env, 'NCCL')?.rank ?? 0) > 0;

/**
 * Where this process is among the ranks that somebody has started; undefined for a process by itself.
 *
 * @param speaks where it is not known yet whether there is a GPU: NCCL, and ask again before ranks meet
 * @throws UserError for ranks that would each train by itself, not knowing of each other
 */
export function placeOfProcess(env: Environment, speaks: Speaks = 'MPI'): Place | undefined {
  const place = placeBy(env, starters);
  for (const { who, size, marks } of strangers) {
    if (!there(env, [size, ...marks])) continue;
    const ranks = wholeNumber(env, size);
    // The variables of torchrun are also set by hand in steps of Slurm, and those of PMI by what starts daemons.
    if (ranks === 1 || place?.size === ranks || (place && size === 'PMI_SIZE')) continue;
    const byAddress = who === torchrun.by && speaks === 'NCCL';
    const found = byAddress ? placeBy(env, [torchrun]) : undefined;
    if (found) return found;
    const otherwise = byAddress
      ? `; or, on GPUs, set ${torchrun.names.localSize} as well, how many this machine has`
      : '';
    throw new UserError(
      `${who} has started ${ranks} processes (${size}=${ranks}), which need MPI to find each other: start them with mpirun -n ${ranks} and the same command${otherwise}`,
    );
  }
  return place;
}
