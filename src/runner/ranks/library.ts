/**
 * MPI's library, called through koffi.
 *
 * The rule for every pointer: what a call gives to MPI are arrays of Node.js where they lie, and MPI keeps the pointers until the request
 * is done. `Pending` in mpi-communicator.ts keeps the arrays as long; request and flag live with the library. Handles are the library's
 * own, and it is never unloaded: MPI has threads of its own in it, also when the thread that has loaded it ends.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import type { Koffi } from '../base/foreign-calls.js';
import { foreignCalls } from '../base/foreign-calls.js';
import type { Flavor, Handle, Handles } from './flavors.js';
import { flavors, libraryNames } from './flavors.js';
import { keepLoaded } from './keep-loaded.js';
import { installMpi, placesOfLibraries } from './mpirun.js';
import type { MpiStarter } from './place.js';

type Loaded = ReturnType<Koffi['load']>;

/** MPI_THREAD_FUNNELED: other threads are there, and don't call MPI. */
const FUNNELED = 1;
/** Beyond MPI_MAX_ERROR_STRING and MPI_MAX_LIBRARY_VERSION_STRING of all of them. */
const longestText = 16_384;

/**
 * What UCX, below both families, is told before it is loaded, unless somebody has told it otherwise. It patches the functions by which
 * memory comes and goes, while Node.js's threads run them: about one start in twelve crashed (MPICH 4.0, UCX 1.13). And it handles
 * SIGSEGV, with which V8 has plans of its own, by waiting for a debugger.
 */
const toldToUcx = { UCX_MEM_EVENTS: 'no', UCX_HANDLE_ERRORS: 'none' };

export interface Mpi {
  file: string;
  family: 'Open MPI' | 'MPICH';
  flavor: Flavor;
  handles: Handles;
  /** In its own words. */
  version(): string;
  /** The thread that calls it makes all later calls. */
  init(): void;
  rank(): number;
  size(): number;
  finalize(): void;
  /** Whether the request is done, which all of the following begin; one at a time. */
  test(): boolean;
  allGather(mine: ArrayBufferView | bigint, count: number, type: Handle, all: ArrayBufferView): void;
  /** Block i of `from` goes to rank i; `count` elements a block. */
  allToAll(from: ArrayBufferView, count: number, type: Handle, to: ArrayBufferView): void;
  broadcast(values: ArrayBufferView, count: number, type: Handle, root: number): void;
  barrier(): void;
}

/** Where libraries of these names are, '' standing for the folders that the loader knows itself. */
function candidates(by: MpiStarter, env: NodeJS.ProcessEnv): string[] {
  const files = placesOfLibraries(env).flatMap((folder) =>
    libraryNames[by].map((name) => (folder === '' ? name : path.join(folder, name))),
  );
  return files.filter((file) => !path.isAbsolute(file) || existsSync(file));
}

/** Open MPI ends a process that Slurm has started without its PMIx, which would tell where the others are. */
const lacksPmix = (by: MpiStarter, env: NodeJS.ProcessEnv): boolean =>
  by === 'Slurm' && env['PMIX_NAMESPACE'] === undefined;

function tryLoad(
  koffi: Koffi,
  file: string,
  wanted: MpiStarter,
  env: NodeJS.ProcessEnv,
): { library: Loaded; family: Mpi['family']; flavor: Flavor } | 'lacks PMIx' | undefined {
  let library: Loaded;
  try {
    library = koffi.load(file);
  } catch {
    return undefined;
  }
  const found = flavors.find(({ name, symbol }) => {
    try {
      library.symbol(symbol);
      return wanted === 'Slurm' || wanted === name;
    } catch {
      return false;
    }
  });
  if (!found) return undefined;
  if (found.name === 'Open MPI' && lacksPmix(wanted, env)) return 'lacks PMIx';
  keepLoaded(koffi, file, 'global');
  return { library, family: found.name, flavor: found.flavor };
}

function functionsOf(library: Loaded, { handleType, ignoreStatus, ...flavor }: Flavor): Omit<Mpi, 'file' | 'family'> {
  const addressOf = (handle: string | number): Handle => (typeof handle === 'string' ? library.symbol(handle) : handle);
  const handles = Object.fromEntries(
    Object.entries(flavor.handles).map(([name, handle]) => [name, addressOf(handle)]),
  ) as unknown as Handles;
  const { world } = handles;
  // A handle of either family fits; touching `buffer` keeps V8 from moving so small an array.
  const request = new BigUint64Array(1);
  const flag = new Int32Array(1);
  void [request.buffer, flag.buffer];

  const errorString = library.func('MPI_Error_string', 'int', ['int', 'void *', 'void *']);
  const libraryVersion = library.func('MPI_Get_library_version', 'int', ['void *', 'void *']);
  const textOf = (fill: (text: Uint8Array, length: Int32Array) => void): string => {
    const text = new Uint8Array(longestText);
    fill(text, new Int32Array(16));
    return Buffer.from(text.subarray(0, text.indexOf(0))).toString('utf8');
  };
  const message = (code: number): string => textOf((text, length) => void errorString(code, text, length));
  const callable = (name: string, parameters: string[]) => {
    const call = library.func(name, 'int', parameters);
    return (...args: unknown[]): void => {
      const code = call(...args) as number;
      if (code !== 0) throw new UserError(`${name}: ${message(code)}`);
    };
  };
  const [any, handle] = ['void *', handleType];
  const initThread = callable('MPI_Init_thread', [any, any, 'int', any]);
  const setErrors = callable('MPI_Comm_set_errhandler', [handle, handle]);
  const finalize = callable('MPI_Finalize', []);
  const test = callable('MPI_Test', [any, any, any]);
  const gather = callable('MPI_Iallgather', [any, 'int', handle, any, 'int', handle, handle, any]);
  const exchange = callable('MPI_Ialltoall', [any, 'int', handle, any, 'int', handle, handle, any]);
  const cast = callable('MPI_Ibcast', [any, 'int', handle, 'int', handle, any]);
  const barrier = callable('MPI_Ibarrier', [handle, any]);
  const numberOf = (name: string) => {
    const ask = callable(name, [handle, '_Out_ int *']);
    return (): number => {
      const into = [0];
      ask(world, into);
      return into[0]!;
    };
  };
  return {
    flavor: { handleType, ignoreStatus, ...flavor },
    handles,
    // Some add who has built it, and how.
    version: () =>
      textOf((text, length) => void libraryVersion(text, length))
        .split(/,|\n/)[0]!
        .replace(/\s+/g, ' '),
    init() {
      initThread(null, null, FUNNELED, new Int32Array(16));
      setErrors(world, handles.errorsReturn);
    },
    rank: numberOf('MPI_Comm_rank'),
    size: numberOf('MPI_Comm_size'),
    finalize: () => finalize(),
    test() {
      test(request, flag, ignoreStatus);
      return flag[0] !== 0;
    },
    allGather: (mine, count, type, all) => gather(mine, count, type, all, count, type, world, request),
    allToAll: (from, count, type, to) => exchange(from, count, type, to, count, type, world, request),
    broadcast: (values, count, type, root) => cast(values, count, type, root, world, request),
    barrier: () => barrier(world, request),
  };
}

/** @throws UserError where no library is there that fits what has started the ranks */
export async function loadMpi(by: MpiStarter, env: NodeJS.ProcessEnv = process.env): Promise<Mpi> {
  const koffi = await foreignCalls();
  // In a worker thread, process.env is a copy that C does not see.
  const setenv = koffi.load(null).func('setenv', 'int', ['const char *', 'const char *', 'int']);
  for (const [name, value] of Object.entries(toldToUcx)) setenv(name, value, 0);
  let isLacking = false;
  for (const file of candidates(by, env)) {
    const found = tryLoad(koffi, file, by, env);
    if (found === 'lacks PMIx') isLacking = true;
    else if (found) return { file, family: found.family, ...functionsOf(found.library, found.flavor) };
  }
  if (isLacking)
    throw new UserError(
      'Slurm has started this process without PMIx, by which ranks of Open MPI find each other: start them with srun --mpi=pmix and the same command',
    );
  const named = [...new Set(libraryNames[by])].join(', ');
  throw new UserError(
    `${by} has started this process, but none of its libraries (${named}) can be loaded: ${installMpi}, or name its folder in LD_LIBRARY_PATH`,
  );
}
