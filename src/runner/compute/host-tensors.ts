/** Held tensors as arrays of Node.js. */
import type { HeldTensors, PlainTensor, PlainTensors } from './engine.js';

export class HostTensors implements HeldTensors<PlainTensor> {
  constructor(private tensors: PlainTensors = {}) {}

  async hold(tensors: PlainTensors): Promise<void> {
    Object.assign(this.tensors, tensors);
  }

  place(name: string): PlainTensor | undefined {
    return Object.hasOwn(this.tensors, name) ? this.tensors[name] : undefined;
  }

  async read(names: readonly string[]): Promise<Record<string, Float32Array<ArrayBuffer>>> {
    return Object.fromEntries(names.map((name) => [name, new Float32Array(this.place(name)!.data as Float32Array)]));
  }

  async release(): Promise<void> {
    this.tensors = {};
  }
}
