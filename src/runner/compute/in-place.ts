/** Runs whose large state exists once. */
import { MessageChannel } from 'node:worker_threads';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildTrainLoop } from '../../graph/artifacts/artifacts.js';
import { describeNetwork } from '../../graph/step/describe.js';
import type { TrainingOptions } from '../../graph/options.js';
import type { Definitions } from '../../graph/parts/parts.js';
import { openSession } from './session.js';
import type { DeviceOptions } from '../options/run-options.js';

type Tensors = Record<string, Tensor>;

/**
 * From this many parameters (256 MiB) and pixels a batch on, a training's session takes memory from the system and gives it back at
 * once. ONNX Runtime's arena is faster (VGG-19, batch 20: 26 instead of 33 s a step), but keeps what a step needed, in pieces that
 * vectors of this size do not fit into again (6.6 instead of 4.5 GB).
 */
const arenaLimits = { parameters: 2 ** 26, pixels: 2 ** 19 } as const;

/** Opens `train_loop.onnx`. @throws UserError when the device can't be used */
export function openTrainLoop(
  options: TrainingOptions,
  device: DeviceOptions,
  definitions: Definitions,
): Promise<InferenceSession> {
  const { paramCount } = describeNetwork(options, definitions);
  const pixels = options.batchSize * options.imageSize ** 2;
  const enableCpuMemArena = paramCount < arenaLimits.parameters || pixels < arenaLimits.pixels;
  return openSession(buildTrainLoop(options, definitions), device, { enableCpuMemArena });
}

const { port1: nowhere, port2: closed } = new MessageChannel();
closed.close();
nowhere.unref();

/** Gives an array's memory back now; garbage collection would leave it in place until after the next run's peak. */
function discard(buffer: ArrayBuffer): void {
  nowhere.postMessage(null, [buffer]);
}

/**
 * Runs a session. An output NAME_out is written into the memory of `held[NAME]`: a Loop writes its outputs after its last step, when
 * nothing reads its inputs any more. The copies that onnxruntime-node makes of them all the same are given back.
 *
 * @returns the other outputs
 */
export async function runInPlace(session: InferenceSession, inputs: Tensors, held: Tensors): Promise<Tensors> {
  const into = Object.fromEntries(
    session.outputNames.map((name) => [name, (name.endsWith('_out') && held[name.slice(0, -'_out'.length)]) || null]),
  );
  const outputs: Tensors = {};
  for (const [name, tensor] of Object.entries(await session.run(inputs, into))) {
    const target = into[name]?.data as Float32Array | undefined;
    if (!target) outputs[name] = tensor;
    else if ((tensor.data as Float32Array).buffer !== target.buffer)
      discard((tensor.data as Float32Array<ArrayBuffer>).buffer);
  }
  return outputs;
}
