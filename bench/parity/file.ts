/** Any file of the reference formats, told apart by what it holds. */
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { backbones } from '../../src/graph/models/index.js';
import type { Check } from './golden.js';
import { unchecked } from './golden.js';
import type { ImportedCase } from './imported.js';
import { importedParity } from './imported.js';
import type { LossCase } from './loss.js';
import { lossParity } from './loss.js';
import type { ModelCase } from './model.js';
import { modelParity } from './model.js';
import type { OptimCase } from './optim.js';
import { optimParity } from './optim.js';
import type { TrainCase } from './train.js';
import { trainParity } from './train.js';

interface Format {
  name: string;
  matches: (golden: object) => boolean;
  check: (golden: never, device: DeviceOptions, file: string) => Promise<Check[]>;
}

const formats: Format[] = [
  { name: 'model', matches: (c) => 'frozen' in c, check: (c: ModelCase, device) => modelParity(c, device) },
  { name: 'loss', matches: (c) => 'weights_row0' in c, check: (c: LossCase, device) => lossParity(c, device) },
  { name: 'optim', matches: (c) => 'kind' in c, check: (c: OptimCase, device) => optimParity(c, device) },
  {
    name: 'imported',
    matches: (c) => 'operators' in c,
    check: (c: ImportedCase, device, file) => importedParity(c, device, file),
  },
  { name: 'train', matches: (c) => 'params_after' in c, check: (c: TrainCase, device) => trainParity(c, device) },
];

/** @param file where the content is from @throws Error when it has none of the formats */
export async function checkGolden(content: unknown, device: DeviceOptions, file = ''): Promise<Check[]> {
  const cases = (Array.isArray(content) ? content : [content]) as object[];
  const checks: Check[] = [];
  for (const golden of cases) {
    const format = formats.find(({ matches }) => golden !== null && typeof golden === 'object' && matches(golden));
    if (!format) throw new Error(`not one of the reference formats (${formats.map(({ name }) => name).join(', ')})`);
    const { model } = golden as { model?: string };
    if (model && !(model in backbones)) {
      checks.push(unchecked(`${format.name} ${model}`, 'NOT CHECKED: there is no such backbone yet'));
      continue;
    }
    checks.push(...(await format.check(golden as never, device, file)));
  }
  return checks;
}
