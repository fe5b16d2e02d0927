/** `dws doctor`. */
import { examine } from '../../runner/jobs/doctor.js';
import type { Finding } from '../../runner/jobs/doctor.js';
import { packageJson } from '../../runner/base/package-json.js';
import { wrap } from '../format.js';
import { terminal } from '../terminal.js';

const MARKS: Record<Finding['status'], string> = { ok: 'ok', absent: '--', failed: '!!' };
/** Columns before the detail: mark and name. */
const INDENT = 18;
const WIDTH = 100;

function describe({ name, status, detail }: Finding): string {
  const head = `${MARKS[status]}  ${name}`.padEnd(INDENT);
  return head + wrap(detail, WIDTH - INDENT).join(`\n${' '.repeat(INDENT)}`);
}

export async function doctor(): Promise<void> {
  terminal.print(`dws ${packageJson().version}`);
  const findings = await examine(process.cwd(), (finding) => terminal.print(describe(finding)));
  const failed = findings.filter(({ status }) => status === 'failed').map(({ name }) => name);
  terminal.print(failed.length === 0 ? '\nReady to train.' : `\nNot ready to train: ${failed.join(', ')}.`);
  if (failed.length > 0) process.exitCode = 1;
}
