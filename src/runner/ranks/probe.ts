/** Tries what ranks speak by, in a process of its own: node probe.js mpi|nccl. Prints a line of JSON, a `Probed`. */
import { UserError } from '../base/errors.js';
import { starterOnPath } from './launch.js';
import { loadMpi } from './library.js';
import { loadNccl } from './nccl-library.js';

export interface Probed {
  ok: boolean;
  /** For people. */
  detail: string;
}

const probes: Readonly<Record<string, () => Promise<string>>> = {
  async mpi() {
    const { file, by } = starterOnPath(process.env);
    const mpi = await loadMpi(by);
    return `${mpi.version()}\n${mpi.file}, for ranks that ${file} starts`;
  },
  nccl: async () => `${(await loadNccl()).version}, for ranks on GPUs`,
};

async function probe(what: string): Promise<Probed> {
  try {
    return { ok: true, detail: await probes[what]!() };
  } catch (error) {
    if (error instanceof UserError) return { ok: false, detail: error.message };
    throw error;
  }
}

console.log(JSON.stringify(await probe(process.argv[2]!)));
