/** Which way to ONNX Runtime is taken: its C API, which copies nothing, wherever that can be loaded. */
import { UserError } from '../base/errors.js';
import type { DeviceOptions } from '../options/run-options.js';
import { bindingEngine } from './binding-engine.js';
import { cApiEngine } from './c-api/engine.js';
import { library } from './c-api/library.js';
import type { Engine, EngineName } from './engine.js';

/** Environment variable that takes the choice away. */
export const engineVariable = 'DWS_ENGINE';

const named: Record<string, EngineName> = { 'c-api': 'C API', binding: 'binding' };

export interface Choice {
  engine: Engine;
  /** Why it is not the C API. */
  reason?: string;
}

/** @throws UserError when the environment variable asks for what is not there */
export async function chooseEngine({ device }: Pick<DeviceOptions, 'device'>): Promise<Choice> {
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
