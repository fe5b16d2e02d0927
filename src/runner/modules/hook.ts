/** What stands before the first module that runs, and whether there was one. Apart from loading: a process that runs none asks, too. */
import { register } from 'node:module';
import { workerFile } from '../base/worker-file.js';

let hooked = false;

/** Whether something of a module has run in this process, and may have left more to do: timers, connections. */
export const hasRunModules = (): boolean => hooked;

/** To be called before a module runs: lets it import dws. */
export function hook(): void {
  if (!hooked) register(workerFile('modules/resolve-hooks'));
  hooked = true;
}
