/** The check of the convolutions in a process of its own: TF32 is chosen for a whole process, and what a driver ends is not this one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TrainingOptions } from '../../src/graph/options.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { convolutionsOf, products } from './convolutions.js';
import type { Plan } from './plans.js';

const fromSource = import.meta.url.endsWith('.ts');
const loader = fromSource ? ['--import', import.meta.resolve('tsx')] : [];
const child = fileURLToPath(new URL(fromSource ? 'plans-process.ts' : 'plans-process.js', import.meta.url));

/**
 * @param seconds after which the process is ended
 * @param onPlan told of each as it is known
 * @throws Error when the process ends before all are known
 */
export async function checkPlans(
  training: TrainingOptions,
  device: DeviceOptions,
  seconds: number,
  onPlan: (plan: Plan) => void,
): Promise<Plan[]> {
  const env = { ...process.env };
  delete env['NVIDIA_TF32_OVERRIDE'];
  const given = [training, device].map((options) => JSON.stringify(options));
  const started = spawn(process.execPath, [...loader, child, ...given], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 1000 * seconds,
  });
  const ended = once(started, 'close') as Promise<[code: number | null, signal: string | null]>;
  const plans: Plan[] = [];
  for await (const line of createInterface({ input: started.stdout })) {
    const plan = JSON.parse(line) as Plan;
    plans.push(plan);
    onPlan(plan);
  }
  const [code, signal] = await ended;
  const wanted = convolutionsOf(training).length * products.length - 1;
  if (code === 0 && plans.length === wanted) return plans;
  const after = `after ${plans.length} of ${wanted} products`;
  throw new Error(signal === null ? `the process ended with code ${code} ${after}` : `ended by ${signal} ${after}`);
}
