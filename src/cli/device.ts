/** `--device` and `--gpus` -> where ONNX Runtime runs. */
import { UserError } from '../runner/base/errors.js';
import type { DeviceOptions } from '../runner/options/run-options.js';
import type { device } from './option-tables.js';
import type { OptionValues } from './options.js';

type Chosen = Pick<OptionValues<typeof device>, 'device' | 'gpus'>;

/** The CUDA devices of `--gpus 0,2,5`; none for the CPU. @throws UserError for what is no number, and for one that is named twice */
export function listedGpus(gpus: string): number[] {
  if (gpus.trim() === '') return [];
  const ids = gpus.split(',').map((id) => id.trim());
  if (!ids.every((id) => /^\d{1,4}$/.test(id))) {
    throw new UserError(
      `--gpus '${gpus}': give the number of a CUDA device, for example --gpus 0, or nothing for the CPU.`,
    );
  }
  if (new Set(ids.map(Number)).size < ids.length) throw new UserError(`--gpus ${gpus}: name each device once.`);
  return ids.map(Number);
}

/**
 * Other options stay as they are.
 *
 * @param localRank which of several devices it is; only one is taken unless given
 * @throws UserError when the options contradict each other or ask for more GPUs than are taken
 */
export function deviceOptions<Given extends Chosen>(
  { device: name, gpus, ...rest }: Given,
  localRank?: number,
): Omit<Given, keyof Chosen> & Pick<DeviceOptions, 'device' | 'deviceId'> {
  const ids = listedGpus(gpus);
  if (ids.length === 0) return { ...rest, device: name ?? 'cpu', deviceId: 0 };
  if (ids.length > 1 && localRank === undefined) {
    throw new UserError(
      `--gpus ${gpus}: this takes one GPU, for example --gpus ${ids[0]}; dws train, embed and eval take several.`,
    );
  }
  if (name !== undefined && name !== 'cuda') {
    throw new UserError(`--gpus ${gpus} means a CUDA device, but --device is ${name}. Leave one of them out.`);
  }
  const deviceId = ids.length === 1 ? ids[0] : ids[localRank!];
  if (deviceId !== undefined) return { ...rest, device: 'cuda', deviceId };
  throw new UserError(
    `--gpus ${gpus}: ${ids.length} devices, and more ranks on this machine. Name one for each, or start ${ids.length} ranks.`,
  );
}
