/**
 * npm run parity -- FILE... [--device cpu|cuda|webgpu] [--threads N]
 *
 * Holds the graphs against reference values: for each file and group the largest error as a multiple of its bound. Exit code
 * 1 when any is above 1.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Provider } from '../src/graph/options.js';
import { checkGolden } from './parity/file.js';
import type { Check } from './parity/golden.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
if (!positionals.length) {
  console.error('usage: npm run parity -- FILE... [--device cpu|cuda|webgpu] [--threads N]');
  process.exit(2);
}
const device = { device: values.device as Provider, deviceId: 0, threads: Number(values.threads) };

let failed = false;
for (const file of positionals) {
  let checks: Check[];
  try {
    checks = await checkGolden(JSON.parse(readFileSync(file, 'utf8')), device, file);
  } catch (error) {
    console.log(`${path.basename(file)}: ${(error as Error).message}`);
    failed = true;
    continue;
  }
  for (const group of new Set(checks.map((check) => check.group))) {
    const members = checks.filter((check) => check.group === group);
    const worst = members.reduce((a, b) => (b.ratio > a.ratio ? b : a));
    failed ||= worst.ratio > 1;
    const count = Number.isNaN(worst.ratio) ? '' : `${members.length} checked, ${worst.ratio.toFixed(3)} x bound`;
    const verdict = worst.ratio > 1 ? '  ABOVE ITS BOUND' : '';
    console.log(`${path.basename(file).padEnd(28)} ${group.padEnd(24)} ${count.padStart(28)}  ${worst.what}${verdict}`);
  }
}
process.exit(failed ? 1 : 0);
