/** Collective calls of MPI, begun and then waited for. */
import type { Until } from './calls.js';
import { Calls } from './calls.js';
import type { Communicator, Reduction } from './communicator.js';
import type { Mpi } from './library.js';
import { sumRanks } from './rank-sums.js';
import type { Watch } from './watch.js';
import type { Work } from './work.js';

export interface Limits {
  /** Elements that one call of MPI moves: it counts in 32 bits, and some of them count bytes so. */
  most: number;
  /** Up to so many elements, all ranks gather and sum everything themselves; beyond, each sums its share of pieces of about that many. */
  whole: number;
  piece: number;
}

const usual: Limits = { most: 2 ** 28, whole: 2 ** 10, piece: 2 ** 19 };

export class MpiCommunicator implements Communicator {
  /** What MPI has pointers to. After a failure they are kept for good: it may still write there. */
  private readonly lent = new Set<readonly ArrayBufferView[]>();
  private readonly calls: Calls;
  private scratch = new Float32Array(0);

  constructor(
    private readonly mpi: Mpi,
    private readonly watch: Watch,
    readonly rank: number,
    readonly size: number,
    private readonly limits: Limits = usual,
  ) {
    this.calls = new Calls(watch);
  }

  get work(): Work {
    return this.watch.ownWork;
  }

  get by(): string {
    return this.mpi.family;
  }

  allGather(mine: Float32Array, all: Float32Array): Promise<void> {
    if (all.length !== this.size * mine.length) {
      throw new Error(`allGather of ${mine.length} numbers from ${this.size} ranks into ${all.length}`);
    }
    return this.call('allGather', (wait) => this.gather(wait, mine, all));
  }

  allReduce(values: Float32Array, as?: Reduction): Promise<void> {
    return this.call('allReduce', async (wait) => {
      const { size, limits } = this;
      let begin = 0;
      while (values.length - begin > Math.max(limits.whole, size)) {
        const share = Math.floor(Math.min(values.length - begin, Math.max(limits.piece, size)) / size);
        await this.reducePiece(wait, values.subarray(begin, begin + share * size), as);
        begin += share * size;
      }
      const rest = values.subarray(begin);
      const parts = this.room(rest.length * size);
      await this.gather(wait, rest, parts);
      sumRanks(parts, rest, as);
    });
  }

  broadcast(bytes: Uint8Array, root: number): Promise<void> {
    return this.call('broadcast', async (wait) => {
      for (let begin = 0; begin < bytes.length; begin += this.limits.most) {
        const piece = bytes.subarray(begin, begin + this.limits.most);
        await wait([piece], () => this.mpi.broadcast(piece, piece.length, this.mpi.handles.byte, root));
      }
    });
  }

  barrier(): Promise<void> {
    return this.call('barrier', (wait) => wait([], () => this.mpi.barrier()));
  }

  async close(): Promise<void> {
    // Whoever has heard of the failure has thrown it; MPI's end would wait for the ranks that are gone.
    if (this.watch.gone !== undefined) return;
    await this.call('close', (wait) => wait([], () => this.mpi.barrier()));
    await this.watch.bye();
    this.watch.expect("MPI's end");
    this.mpi.finalize();
    await this.watch.close();
  }

  private call(what: string, body: (wait: Wait) => Promise<void>): Promise<void> {
    return this.calls.make(what, (until) => body((arrays, begin) => this.lend(arrays, begin, until)));
  }

  private async lend(arrays: readonly ArrayBufferView[], begin: () => void, until: Until): Promise<void> {
    // Of an array of 64 bytes or less, V8 keeps the elements where they may move, until its buffer has been asked for.
    for (const array of arrays) void array.buffer;
    this.lent.add(arrays);
    begin();
    await until(() => this.mpi.test());
    this.lent.delete(arrays);
  }

  private async gather(wait: Wait, mine: Float32Array, all: Float32Array): Promise<void> {
    const { mpi, rank, size, limits } = this;
    const { length } = mine;
    if (length === 0) return;
    if (all.length <= limits.most) {
      await wait([mine, all], () => mpi.allGather(mine, length, mpi.handles.float, all));
      return;
    }
    all.set(mine, rank * length);
    for (let root = 0; root < size; root++) {
      for (let begin = 0; begin < length; begin += limits.most) {
        const piece = all.subarray(root * length + begin, root * length + Math.min(begin + limits.most, length));
        await wait([piece], () => mpi.broadcast(piece, piece.length, mpi.handles.float, root));
      }
    }
  }

  /** @param piece whose length is a multiple of the number of ranks */
  private async reducePiece(wait: Wait, piece: Float32Array, as?: Reduction): Promise<void> {
    const { mpi, rank, size } = this;
    const { float } = mpi.handles;
    const share = piece.length / size;
    const parts = this.room(piece.length);
    await wait([piece, parts], () => mpi.allToAll(piece, share, float, parts));
    sumRanks(parts, piece.subarray(rank * share, (rank + 1) * share), as);
    await wait([piece], () => mpi.allGather(mpi.flavor.inPlace, share, float, piece));
  }

  private room(length: number): Float32Array {
    if (this.scratch.length < length) this.scratch = new Float32Array(length);
    return this.scratch.subarray(0, length);
  }
}

/** Begins something of MPI with these arrays, and waits for its end. */
type Wait = (arrays: readonly ArrayBufferView[], begin: () => void) => Promise<void>;
