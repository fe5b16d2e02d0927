/** NVIDIA's NCCL, called through koffi (nccl.h of 2.14 and newer). */
import { UserError } from '../base/errors.js';
import { foreignCalls } from '../base/foreign-calls.js';
import { keepLoaded } from './keep-loaded.js';

const file = 'libnccl.so.2';
export const installNccl = `install NCCL 2 (NVIDIA's package libnccl2), or name the folder of ${file} in LD_LIBRARY_PATH`;

/** ncclGetVersion's number of 2.14, the first whose calls do not block; a configuration of that version is one for all later ones. */
const oldest = 21400;
/** NCCL_API_MAGIC. */
const magic = 0xcafebeef;
/** ncclUniqueId. */
export const idBytes = 128;
/** ncclResult_t. */
const [SUCCESS, IN_PROGRESS] = [0, 7];
/** ncclDataType_t. */
const types = { uint8: 1, float32: 7 } as const;

/** ncclComm_t. */
export type Comm = bigint;
export type NcclType = keyof typeof types;

/** Calls that take a communicator return at once; `isReady` says when the next one may be made. All throw UserErrors with NCCL's words. */
export interface Nccl {
  /** 2.23.4, say. */
  version: string;
  uniqueId(): Uint8Array;
  /** @param id of rank 0, the same on all ranks */
  init(size: number, id: Uint8Array, rank: number): Comm;
  /** Whether what was called last has been begun on the device. */
  isReady(comm: Comm): boolean;
  /** From a rank's place in `all` into everybody's: `count` elements each. */
  allGather(from: bigint, all: bigint, count: number, comm: Comm, stream: bigint): void;
  broadcast(at: bigint, count: number, type: NcclType, root: number, comm: Comm, stream: bigint): void;
  /** Block i of `from` goes to rank i; `count` float32 numbers a block. */
  allToAll(from: bigint, to: bigint, count: number, ranks: number, comm: Comm, stream: bigint): void;
  finalize(comm: Comm): void;
  destroy(comm: Comm): void;
  abort(comm: Comm): void;
}

/** X.Y.Z of NCCL_VERSION_CODE, whose digits are others since 2.9. */
export function versionText(code: number): string {
  const base = code < 10_000 ? 1000 : 10_000;
  return [Math.floor(code / base), Math.floor((code % base) / 100), code % 100].join('.');
}

const float = Float32Array.BYTES_PER_ELEMENT;

/** @throws UserError where it is not installed, or is too old */
export async function loadNccl(): Promise<Nccl> {
  const koffi = await foreignCalls();
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load(file);
  } catch {
    throw new UserError(`NCCL's library (${file}) can't be loaded: ${installNccl}`);
  }
  const number = [0];
  library.func('ncclGetVersion', 'int', ['_Out_ int *'])(number);
  const version = versionText(number[0]!);
  if (number[0]! < oldest)
    throw new UserError(`${file} is of NCCL ${version}, and ${versionText(oldest)} or newer is needed: ${installNccl}`);
  keepLoaded(koffi, file, 'local');

  const errorOf = library.func('ncclGetErrorString', 'const char *', ['int']);
  const lastError = library.func('ncclGetLastError', 'const char *', ['void *']);
  const check = (name: string, code: number, comm: Comm | null): void => {
    if (code === SUCCESS || code === IN_PROGRESS) return;
    const more = lastError(comm) as string;
    throw new UserError(`${name}: ${errorOf(code) as string}${more ? ` (${more.trim()})` : ''}`);
  };
  const ofComm = (name: string, parameters: string[]) => {
    const call = library.func(name, 'int', parameters);
    return (comm: Comm | null, ...args: unknown[]): void => check(name, call(...args) as number, comm);
  };
  const handles = new Set<BigUint64Array>();
  const [any, size] = ['void *', 'size_t'];
  const id = koffi.struct({ internal: koffi.array('uint8_t', idBytes) });
  const config = koffi.struct({ size, magic: 'uint32_t', version: 'uint32_t', blocking: 'int' });
  const getId = library.func('ncclGetUniqueId', 'int', [any]);
  const initRank = library.func('ncclCommInitRankConfig', 'int', [any, 'int', id, 'int', koffi.pointer(config)]);
  const asyncError = library.func('ncclCommGetAsyncError', 'int', [any, '_Out_ int *']);
  const begin = ofComm('ncclGroupStart', []);
  const end = ofComm('ncclGroupEnd', []);
  const send = ofComm('ncclSend', [any, size, 'int', 'int', any, any]);
  const receive = ofComm('ncclRecv', [any, size, 'int', 'int', any, any]);
  const gather = ofComm('ncclAllGather', [any, any, size, 'int', any, any]);
  const cast = ofComm('ncclBroadcast', [any, any, size, 'int', 'int', any, any]);
  const finalize = ofComm('ncclCommFinalize', [any]);
  const destroy = ofComm('ncclCommDestroy', [any]);
  const abort = ofComm('ncclCommAbort', [any]);
  return {
    version,
    uniqueId() {
      const bytes = new Uint8Array(idBytes);
      check('ncclGetUniqueId', getId(bytes) as number, null);
      return bytes;
    },
    init(ranks, bytes, rank) {
      // NCCL's thread may write the handle once more when it is done.
      const made = new BigUint64Array(1);
      handles.add(made);
      void made.buffer;
      const wanted = { size: koffi.sizeof(config), magic, version: oldest, blocking: 0 };
      const code = initRank(made, ranks, { internal: bytes }, rank, wanted) as number;
      check('ncclCommInitRankConfig', code, null);
      return made[0]!;
    },
    isReady(comm) {
      const state = [SUCCESS];
      check('ncclCommGetAsyncError', asyncError(comm, state) as number, comm);
      check('NCCL', state[0]!, comm);
      return state[0] === SUCCESS;
    },
    allGather: (from, all, count, comm, stream) => gather(comm, from, all, count, types.float32, comm, stream),
    broadcast: (at, count, type, root, comm, stream) => cast(comm, at, at, count, types[type], root, comm, stream),
    allToAll(from, to, count, ranks, comm, stream) {
      begin(comm);
      for (let rank = 0; rank < ranks; rank++) {
        const at = BigInt(rank * count * float);
        send(comm, from + at, count, types.float32, rank, comm, stream);
        receive(comm, to + at, count, types.float32, rank, comm, stream);
      }
      end(comm);
    },
    finalize: (comm) => finalize(comm, comm),
    destroy: (comm) => destroy(comm, comm),
    abort: (comm) => abort(comm, comm),
  };
}
