/** ONNX Runtime through onnxruntime-node's own binding. */
import { MessageChannel } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import type { Engine, EngineSession, PlainTensor, PlainTensors, Places } from './engine.js';
import { inputOf, placeOf } from './engine.js';
import { HostTensors } from './host-tensors.js';
import { openSession } from './session.js';

const toTensor = ({ data, dims }: PlainTensor): ort.Tensor => {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, dims);
  if (data instanceof Float64Array) return new ort.Tensor('float64', data, dims);
  return data instanceof Int32Array ? new ort.Tensor('int32', data, dims) : new ort.Tensor('uint8', data, dims);
};

const { port1: nowhere, port2: closed } = new MessageChannel();
closed.close();
nowhere.unref();

/** Gives an array's memory back now; garbage collection would leave it in place until after the next run's peak. */
function discard(buffer: ArrayBuffer): void {
  nowhere.postMessage(null, [buffer]);
}

class BindingSession implements EngineSession<PlainTensor> {
  constructor(private readonly session: InferenceSession) {}

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** The copies that onnxruntime-node makes of outputs that have a place are given back. */
  async run(given: PlainTensors, held: Places<PlainTensor>): Promise<PlainTensors> {
    const feeds = Object.fromEntries(this.inputNames.map((name) => [name, toTensor(inputOf(name, given, held))]));
    const into = Object.fromEntries(
      this.outputNames.map((name) => {
        const tensor = placeOf(name, held);
        return [name, tensor ? toTensor(tensor) : null];
      }),
    );
    const outputs: PlainTensors = {};
    for (const [name, { data, dims }] of Object.entries(await this.session.run(feeds, into))) {
      const target = into[name]?.data as Float32Array | undefined;
      const { buffer } = data as Float32Array<ArrayBuffer>;
      if (!target) outputs[name] = { data: data as PlainTensor['data'], dims: [...dims] };
      else if (buffer !== target.buffer) discard(buffer);
    }
    return outputs;
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

export const bindingEngine: Engine<PlainTensor> = {
  name: 'binding',
  holder: async () => new HostTensors(),
  open: async (model, device, settings) => new BindingSession(await openSession(model, device, settings)),
};
