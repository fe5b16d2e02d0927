/** Which way to ONNX Runtime is taken: its C API, which copies nothing, wherever that can be loaded. */
import { UserError } from '../base/errors.js';
import type { DeviceOptions } from '../options/run-options.js';
import { bindingEngine } from './binding-engine.js';
import { cApiEngine } from './c-api/engine.js';
import { library } from './c-api/library.js';
import type { Engine, EngineName } from './engine.js';
import { cudaSettings } from './session.js';

/** Environment variable that takes the choice away. */
export const engineVariable = 'DWS_ENGINE';

const named: Record<string, EngineName> = { 'c-api': 'C API', binding: 'binding' };

export interface Choice {
  engine: Engine;
  /** Why it is not the C API. */
  reason?: string;
}

type Chosen = Pick<DeviceOptions, 'device' | 'tf32' | 'gpuMemLimit' | 'deterministic'>;

/** @throws UserError when the environment variable asks for what is not there, or the options for what it can't do */
export async function chooseEngine(options: Chosen): Promise<Choice> {
  const choice = await choose(options);
  const [setting] = cudaSettings(options);
  if (setting === undefined || choice.engine.name === 'C API') return choice;
  throw new UserError(
    `${setting} is obeyed through ONNX Runtime's C API only, which is not used (${choice.reason}). Leave it out.`,
  );
}

async function choose({ device }: Chosen): Promise<Choice> {
  const wanted = process.env[engineVariable];
  const name = wanted !== undefined && Object.hasOwn(named, wanted) ? named[wanted] : undefined;
  if (wanted && name === undefined)
    throw new UserError(`${engineVariable}=${wanted} is not known: give ${Object.keys(named).join(' or ')}.`);
  if (name === 'binding') return { engine: bindingEngine, reason: `${engineVariable}=${wanted}` };
  const problem = device === 'webgpu' ? 'for --device webgpu, it is not used' : await missing();
  if (problem === undefined) return { engine: cApiEngine };
  if (name !== undefined) throw new UserError(`${engineVariable}=${wanted}: the C API can't be used: ${problem}.`);
  return { engine: bindingEngine, reason: problem };
}

/** What keeps the C API from being used. */
async function missing(): Promise<string | undefined> {
  try {
    await library();
    return undefined;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
  }
}
