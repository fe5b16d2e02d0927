/** `--device` and `--gpus` -> where ONNX Runtime runs. */
import { UserError } from '../runner/base/errors.js';
import type { DeviceOptions } from '../runner/options/run-options.js';
import type { device } from './option-tables.js';
import type { OptionValues } from './options.js';

type Chosen = Pick<OptionValues<typeof device>, 'device' | 'gpus'>;

/** Other options stay as they are. @throws UserError when the options contradict each other or ask for more than one GPU */
export function deviceOptions<Given extends Chosen>({
  device: name,
  gpus,
  ...rest
}: Given): Omit<Given, keyof Chosen> & Pick<DeviceOptions, 'device' | 'deviceId'> {
  const ids = gpus.split(',').map((id) => id.trim());
  if (gpus.trim() === '') return { ...rest, device: name ?? 'cpu', deviceId: 0 };
  if (!ids.every((id) => /^\d+$/.test(id))) {
    throw new UserError(
      `--gpus '${gpus}': give the number of a CUDA device, for example --gpus 0, or nothing for the CPU.`,
    );
  }
  if (ids.length > 1) {
    throw new UserError(
      `--gpus ${gpus}: training on several GPUs is not there yet. Give one, for example --gpus ${ids[0]}, ` +
        `and start one run a GPU to use them all.`,
    );
  }
  if (name !== undefined && name !== 'cuda') {
    throw new UserError(`--gpus ${gpus} means a CUDA device, but --device is ${name}. Leave one of them out.`);
  }
  return { ...rest, device: 'cuda', deviceId: Number(ids[0]) };
}
