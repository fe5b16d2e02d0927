/**
 * Collective calls of NCCL, begun and then waited for. They move what lies on GPUs; what lies in the host's memory goes through a buffer there.
 *
 * NCCL's own sum adds in an order that depends on machine, version and size. So each rank sums its share in rank order, as over MPI,
 * and all gather the shares: as many bytes as NCCL's ring sends, and the same bits everywhere.
 */
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import type { Until } from './calls.js';
import { Calls } from './calls.js';
import type { Communicator, DeviceVector, Reduction } from './communicator.js';
import type { CudaRuntime } from './cuda-runtime.js';
import type { Comm, Nccl } from './nccl-library.js';
import type { Watch } from './watch.js';
import type { Work } from './work.js';

/** On the GPU, by what computes there. */
export interface RankSums {
  /**
   * As `sumRanks`: in float64, rank by rank, rounded once.
   *
   * @param parts where those of all ranks lie, one after another, `length` float32 numbers each
   */
  sum(parts: bigint, into: bigint, length: number, as?: Reduction): Promise<void>;
  /** Gives its memory back. */
  release(): Promise<void>;
}

/** What a rank computes on, opened by the thread that makes all calls. */
export interface RankDevice {
  runtime: CudaRuntime;
  sums: RankSums;
}

/** Float32 numbers of a vector that are summed at a time: two buffers of 32 MiB. */
const usualPiece = 2 ** 23;
const float = Float32Array.BYTES_PER_ELEMENT;
/** Milliseconds, or half of the timeout, that the watch has to tell why NCCL has lost a rank, which itself does not know. */
const explaining = 3000;

/** A piece of an array: where it begins, and how long it is. */
function* piecesOf(length: number, most: number): Generator<[begin: number, length: number]> {
  for (let begin = 0; begin < length; begin += most) yield [begin, Math.min(most, length - begin)];
}

export class NcclCommunicator implements Communicator {
  readonly by: string;
  private readonly calls: Calls;
  private readonly piece: number;
  /** What passes through from the host, and what all ranks give to be summed. */
  private readonly passing: bigint;
  private readonly parts: bigint;
  private comm: Comm | undefined;
  /** What CUDA has pointers to. After a failure they are kept for good: it may still write there. */
  private readonly lent = new Set<ArrayBufferView>();

  /** @param options.after what ends when this does @param options.piece numbers at a time, for tests */
  constructor(
    private readonly nccl: Nccl,
    private readonly device: RankDevice,
    private readonly watch: Watch,
    readonly rank: number,
    readonly size: number,
    private readonly options: { after: () => Promise<void>; piece?: number },
  ) {
    this.by = `NCCL ${nccl.version}`;
    this.calls = new Calls(watch);
    const { piece = usualPiece } = options;
    // Of the numbers that no share is made of there are fewer than ranks, from each.
    this.piece = Math.max(size, Math.floor(piece / size)) * size;
    this.passing = device.runtime.allocate(this.piece * float);
    this.parts = device.runtime.allocate(this.piece * float);
  }

  get work(): Work {
    return this.watch.ownWork;
  }

  /** @param id of rank 0 */
  open(id: Uint8Array): Promise<void> {
    return this.call("NCCL's start", async (until) => {
      const comm = (this.comm = this.nccl.init(this.size, id, this.rank));
      await until(() => this.nccl.isReady(comm));
    });
  }

  allGather(mine: Float32Array, all: Float32Array): Promise<void> {
    const { size, rank, passing } = this;
    const { length } = mine;
    if (all.length !== size * length)
      throw new Error(`allGather of ${length} numbers from ${size} ranks into ${all.length}`);
    return this.call('allGather', async (until) => {
      for (const [begin, count] of piecesOf(length, this.piece / size)) {
        await this.upload(until, mine.subarray(begin, begin + count), this.at(passing, rank * count));
        await this.gather(until, passing, count);
        for (let from = 0; from < size; from++) {
          const into = all.subarray(from * length + begin, from * length + begin + count);
          await this.download(until, this.at(passing, from * count), into);
        }
      }
    });
  }

  allReduce(values: Float32Array, as?: Reduction): Promise<void> {
    return this.call('allReduce', async (until) => {
      for (const [begin, count] of piecesOf(values.length, this.piece)) {
        const piece = values.subarray(begin, begin + count);
        await this.upload(until, piece, this.passing);
        await this.reduce(until, this.passing, count, as);
        await this.download(until, this.passing, piece);
      }
    });
  }

  readonly allReduceOnDevice = ({ address, length }: DeviceVector): Promise<void> =>
    this.call('allReduce', async (until) => {
      for (const [begin, count] of piecesOf(length, this.piece))
        await this.reduce(until, this.at(address, begin), count);
    });

  broadcast(bytes: Uint8Array, root: number): Promise<void> {
    return this.call('broadcast', async (until) => {
      const { passing, device, rank } = this;
      for (const [begin, count] of piecesOf(bytes.length, this.piece * float)) {
        const piece = bytes.subarray(begin, begin + count);
        if (rank === root) await this.upload(until, piece, passing);
        await this.done(until, (comm) =>
          this.nccl.broadcast(passing, count, 'uint8', root, comm, device.runtime.stream),
        );
        if (rank !== root) await this.download(until, passing, piece);
      }
    });
  }

  barrier(): Promise<void> {
    return this.call('barrier', (until) => this.gather(until, this.passing, 1));
  }

  async close(): Promise<void> {
    // Whoever has heard of the failure has thrown it.
    if (this.watch.gone !== undefined) return;
    await this.call('close', async (until) => {
      await this.gather(until, this.passing, 1);
      await this.done(until, (comm) => this.nccl.finalize(comm));
    });
    const { runtime, sums } = this.device;
    this.nccl.destroy(this.comm!);
    for (const address of [this.passing, this.parts]) runtime.free(address);
    runtime.close();
    await sums.release();
    await this.options.after();
  }

  private call(what: string, body: (until: Until) => Promise<void>): Promise<void> {
    return this.calls.make(what, async (until) => {
      try {
        await body(until);
      } catch (error) {
        throw await this.given(error);
      }
    });
  }

  /** Ends what is under way on the device, which would wait for ever. @returns the reason: the watch knows more than NCCL of a rank that is gone */
  private async given(error: unknown): Promise<unknown> {
    const until = performance.now() + Math.min(explaining, this.watch.timeoutSeconds * 500);
    while (this.watch.gone === undefined && performance.now() < until) await setTimeout(10);
    const { comm } = this;
    this.comm = undefined;
    if (comm !== undefined) this.nccl.abort(comm);
    return this.watch.gone === undefined ? error : new UserError(this.watch.gone);
  }

  /** Begins something of NCCL, and waits until the device has done it. */
  private async done(until: Until, begin: (comm: Comm) => void): Promise<void> {
    const { comm, nccl, device } = this;
    begin(comm!);
    // Of a failure NCCL tells, and the device goes on waiting.
    await until(() => nccl.isReady(comm!) && device.runtime.isIdle());
  }

  private gather(until: Until, all: bigint, count: number): Promise<void> {
    const { nccl, device } = this;
    const own = this.at(all, this.rank * count);
    return this.done(until, (comm) => nccl.allGather(own, all, count, comm, device.runtime.stream));
  }

  /** Sums in place. @param count up to a piece */
  private async reduce(until: Until, at: bigint, count: number, as?: Reduction): Promise<void> {
    const { nccl, device, size, rank, parts } = this;
    const share = Math.floor(count / size);
    if (share > 0) {
      await this.done(until, (comm) => nccl.allToAll(at, parts, share, size, comm, device.runtime.stream));
      await device.sums.sum(parts, this.at(at, rank * share), share, as);
      await this.gather(until, at, share);
    }
    const rest = count - share * size;
    if (rest === 0) return;
    const own = this.at(at, share * size);
    await this.done(until, (comm) => nccl.allGather(own, parts, rest, comm, device.runtime.stream));
    await device.sums.sum(parts, own, rest, as);
  }

  private upload(until: Until, from: ArrayBufferView, to: bigint): Promise<void> {
    return this.lend(until, from, () => this.device.runtime.toDevice(from, to));
  }

  /** After what writes there is done: a copy to the host holds its thread up as long. */
  private download(until: Until, from: bigint, into: ArrayBufferView): Promise<void> {
    return this.lend(until, into, () => this.device.runtime.toHost(from, into));
  }

  private async lend(until: Until, array: ArrayBufferView, begin: () => void): Promise<void> {
    // Of an array of 64 bytes or less, V8 keeps the elements where they may move, until its buffer has been asked for.
    void array.buffer;
    this.lent.add(array);
    begin();
    await until(() => this.device.runtime.isIdle());
    this.lent.delete(array);
  }

  private at(address: bigint, numbers: number): bigint {
    return address + BigInt(numbers * float);
  }
}
