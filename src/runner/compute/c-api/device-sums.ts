/** Sums over ranks where NCCL has put what they are made of: in a device's memory, by a session of the device. */
import { buildRankSum } from '../../../graph/artifacts/rank-sum.js';
import type { DeviceOptions } from '../../options/run-options.js';
import type { Reduction } from '../../ranks/communicator.js';
import type { RankSums } from '../../ranks/nccl-communicator.js';
import { deviceMemory } from './device-memory.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';
import type { OpenSession } from './session.js';
import { openSession } from './session.js';
import { float32 } from './values.js';

type Device = DeviceOptions & { device: 'cpu' | 'cuda' };

const sessionOf = (library: Library, device: Device, ranks: number, as: Reduction): Promise<OpenSession> =>
  openSession(library, buildRankSum(ranks, device.device, as), device, { enableCpuMemArena: false, growth: 'exact' });

export class DeviceSums implements RankSums {
  /** Few trainings take means. */
  private means: Promise<OpenSession> | undefined;

  private constructor(
    private readonly library: Library,
    private readonly device: Device,
    private readonly sums: OpenSession,
    private readonly memory: Pointer,
    private readonly ranks: number,
  ) {}

  /** @throws Error with ONNX Runtime's words when the device can't be used */
  static async open(library: Library, device: Device, ranks: number): Promise<DeviceSums> {
    const sums = await sessionOf(library, device, ranks, 'sum');
    return new DeviceSums(library, device, sums, deviceMemory(library, device), ranks);
  }

  /** Returns when the device is done, as every run of ONNX Runtime's does. */
  async sum(parts: bigint, into: bigint, length: number, as: Reduction = 'sum'): Promise<void> {
    const session = as === 'sum' ? this.sums : await this.openMeans();
    const { api } = this.library;
    const values: bigint[] = [];
    const vectorAt = (address: bigint): { value: bigint } => {
      const [bytes, shape] = [length * Float32Array.BYTES_PER_ELEMENT, BigInt64Array.of(BigInt(length))];
      const value = filled(api.CreateTensorWithDataAsOrtValue, this.memory, address, bytes, shape, 1, float32)!;
      values.push(value);
      return { value };
    };
    try {
      const places = new Map([['sum', vectorAt(into)]]);
      for (let rank = 0; rank < this.ranks; rank++) {
        const offset = BigInt(rank * length * Float32Array.BYTES_PER_ELEMENT);
        places.set(`part_${rank}`, vectorAt(parts + offset));
      }
      await session.run({}, { place: (name) => places.get(name) });
    } finally {
      for (const value of values) api.ReleaseValue(value);
    }
  }

  async release(): Promise<void> {
    this.library.api.ReleaseMemoryInfo(this.memory);
    await this.sums.release();
    await (await this.means)?.release();
  }

  private openMeans(): Promise<OpenSession> {
    return (this.means ??= sessionOf(this.library, this.device, this.ranks, 'mean'));
  }
}
