/**
 * Held tensors in a device's memory: sessions of the device read and write them without a copy to the host.
 *
 * The memory is an allocator's, which belongs to a session; both live until `release`, and so does each value, unless another one takes
 * its name before. Nobody else releases them.
 */
import { GraphBuilder } from '../../../graph/builder/builder.js';
import { encodeModel } from '../../../graph/onnx/schema.js';
import type { DeviceOptions } from '../../options/run-options.js';
import type { DeviceVector } from '../../ranks/communicator.js';
import type { HeldTensors, PlainTensor, PlainTensors } from '../engine.js';
import { deviceMemory } from './device-memory.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';
import type { OpenSession, Place } from './session.js';
import { openSession } from './session.js';
import { numberOf, uint8 } from './values.js';

/** Bytes that are moved at a time: what a move takes on the device beside the tensor. */
const pieceBytes = 2 ** 24;

/** Copies bytes; ONNX Runtime carries them to its device and back, as it does for every run. */
function moverModel(): Uint8Array {
  const g = new GraphBuilder();
  g.output('to_out', g.op('Identity', [g.input('from', 'uint8', ['bytes'])]));
  return encodeModel(g.model('mover'));
}

interface DeviceTensor {
  value: bigint;
  address: bigint;
  bytes: number;
  dims: readonly number[];
  /** ONNX's number of the elements' type. */
  type: number;
}

const sameKind = (a: DeviceTensor, { data, dims }: PlainTensor): boolean =>
  a.type === numberOf(data) && a.dims.length === dims.length && a.dims.every((dim, i) => dim === dims[i]);

export class DeviceTensors implements HeldTensors<Place> {
  private readonly tensors = new Map<string, DeviceTensor>();

  private constructor(
    private readonly library: Library,
    private readonly mover: OpenSession,
    private readonly memory: Pointer,
    private readonly allocator: Pointer,
  ) {}

  /** @throws Error with ONNX Runtime's words when the device can't be used */
  static async open(library: Library, device: DeviceOptions & { device: 'cpu' | 'cuda' }): Promise<DeviceTensors> {
    const mover = await openSession(library, moverModel(), device, { enableCpuMemArena: false, growth: 'exact' });
    const memory = deviceMemory(library, device);
    return new DeviceTensors(library, mover, memory, mover.allocator(memory));
  }

  async hold(tensors: PlainTensors): Promise<void> {
    for (const [name, tensor] of Object.entries(tensors)) {
      const there = this.tensors.get(name);
      if (there && !sameKind(there, tensor)) this.drop(name);
      const target = this.tensors.get(name) ?? this.make(tensor);
      this.tensors.set(name, target);
      const { buffer, byteOffset } = tensor.data;
      await this.move(target, (begin, bytes, there) => [
        { data: new Uint8Array(buffer, byteOffset + begin, bytes), dims: [bytes] },
        there,
      ]);
    }
  }

  place(name: string): Place | undefined {
    return this.tensors.get(name);
  }

  vector(name: string): DeviceVector | undefined {
    const tensor = this.tensors.get(name);
    return tensor && { address: tensor.address, length: tensor.bytes / Float32Array.BYTES_PER_ELEMENT };
  }

  async read(names: readonly string[]): Promise<Record<string, Float32Array<ArrayBuffer>>> {
    const copies: Record<string, Float32Array<ArrayBuffer>> = {};
    for (const name of names) {
      const source = this.tensors.get(name)!;
      const copy = new Float32Array(source.bytes / Float32Array.BYTES_PER_ELEMENT);
      await this.move(source, (begin, bytes, there) => [
        there,
        { data: new Uint8Array(copy.buffer, begin, bytes), dims: [bytes] },
      ]);
      copies[name] = copy;
    }
    return copies;
  }

  async release(): Promise<void> {
    const { api } = this.library;
    for (const name of [...this.tensors.keys()]) this.drop(name);
    api.ReleaseAllocator(this.allocator);
    api.ReleaseMemoryInfo(this.memory);
    await this.mover.release();
  }

  /** Memory for a tensor like this one. */
  private make({ data, dims }: PlainTensor): DeviceTensor {
    const { api } = this.library;
    const type = numberOf(data);
    const shape = BigInt64Array.from(dims, BigInt);
    const value = filled(api.CreateTensorAsOrtValue, this.allocator, shape, dims.length, type)!;
    const address = filled(api.GetTensorMutableData, value) ?? 0n;
    return { value, address, bytes: data.byteLength, dims: [...dims], type };
  }

  private drop(name: string): void {
    const { value } = this.tensors.get(name)!;
    this.tensors.delete(name);
    this.library.api.ReleaseValue(value);
  }

  /** @param ends of each piece: where it comes from and where it goes, one of which is `there`, on the device */
  private async move(
    { address, bytes }: DeviceTensor,
    ends: (begin: number, bytes: number, there: Place) => [from: Place, to: Place],
  ): Promise<void> {
    const { api } = this.library;
    for (let begin = 0; begin < bytes; begin += pieceBytes) {
      const length = Math.min(pieceBytes, bytes - begin);
      const shape = BigInt64Array.of(BigInt(length));
      const at = address + BigInt(begin);
      const value = filled(api.CreateTensorWithDataAsOrtValue, this.memory, at, length, shape, 1, uint8)!;
      try {
        const [from, to] = ends(begin, length, { value });
        await this.mover.run({}, { place: (name) => (name === 'from' ? from : to) });
      } finally {
        api.ReleaseValue(value);
      }
    }
  }
}
