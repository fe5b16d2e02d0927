/** Runs a graph once and returns its outputs as typed arrays. */
import * as ort from 'onnxruntime-node';
import type { GraphBuilder } from '../../src/graph/builder/builder.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { openSession } from '../../src/runner/compute/session.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';

export type Feeds = Record<string, Float32Array | Int32Array>;

export class Runner {
  private constructor(private readonly session: ort.InferenceSession) {}

  static async open(model: Uint8Array | GraphBuilder, device: DeviceOptions): Promise<Runner> {
    const bytes = model instanceof Uint8Array ? model : encodeModel(model.model('parity'));
    return new Runner(await openSession(bytes, device));
  }

  /** Feeds take the shapes that the graph declares. */
  async run(feeds: Feeds): Promise<Record<string, Float32Array>> {
    const inputs = Object.fromEntries(
      this.session.inputMetadata
        .filter(({ name }) => name in feeds)
        .map((meta) => {
          if (!meta.isTensor) throw new Error(`${meta.name} is no tensor`);
          const data = feeds[meta.name]!;
          const type = data instanceof Int32Array ? 'int32' : 'float32';
          return [meta.name, new ort.Tensor(type, data, meta.shape as number[])];
        }),
    );
    const outputs = await this.session.run(inputs);
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
