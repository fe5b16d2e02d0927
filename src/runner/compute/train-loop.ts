/** `train_loop.onnx`, whose state exists once. */
import type { TakesFeatures } from '../../graph/artifacts/artifacts.js';
import { buildTrainLoop } from '../../graph/artifacts/artifacts.js';
import { describeNetwork } from '../../graph/step/describe.js';
import type { TrainingOptions } from '../../graph/options.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { Engine, EngineSession } from './engine.js';
import type { DeviceOptions } from '../options/run-options.js';

/**
 * From this many parameters (256 MiB) and pixels that are embedded at a time on, a training's session takes memory from the system and gives it back at
 * once. ONNX Runtime's arena is faster (VGG-19, batch 20: 26 instead of 33 s a step), but keeps what a step needed, in pieces that
 * vectors of this size do not fit into again (6.6 instead of 4.5 GB).
 */
const arenaLimits = { parameters: 2 ** 26, pixels: 2 ** 19 } as const;

/** Opens `train_loop.onnx`. @throws UserError when the device can't be used */
export function openTrainLoop(
  engine: Engine,
  options: TrainingOptions & TakesFeatures,
  device: DeviceOptions,
  definitions: Definitions,
): Promise<EngineSession> {
  const { paramCount } = describeNetwork(options, definitions);
  const { batchSize, microBatch = batchSize, imageSize } = options;
  const pixels = microBatch * imageSize ** 2;
  const enableCpuMemArena = paramCount < arenaLimits.parameters || pixels < arenaLimits.pixels;
  return engine.open(buildTrainLoop(options, definitions), device, { enableCpuMemArena });
}
