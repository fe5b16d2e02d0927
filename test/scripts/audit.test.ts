import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../runner/data/images.js';

const folder = temporaryFolder();
const script = fileURLToPath(new URL('../../scripts/audit.mjs', import.meta.url));

/** Runs the audit with an npm that prints `answer`. */
async function audit(answer: string): Promise<{ code: number; output: string }> {
  const npm = path.join(folder.path, 'npm');
  await writeFile(npm, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\nexit 1\n`);
  await chmod(npm, 0o755);
  const env = { ...process.env, PATH: `${folder.path}${path.delimiter}${process.env['PATH']}` };
  return new Promise((resolve) => {
    execFile(process.execPath, [script], { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

const report = (severity: string) =>
  JSON.stringify({ vulnerabilities: { tar: { name: 'tar', severity, range: '<7' } } });

it.each(['high', 'critical'])('a %s vulnerability fails and is named', async (severity) => {
  const { code, output } = await audit(report(severity));
  expect(output).toContain(`tar <7 has a ${severity} vulnerability`);
  expect(code).toBe(1);
});

it('a moderate one, and none, pass', async () => {
  for (const answer of [report('moderate'), '{"vulnerabilities":{}}']) {
    expect(await audit(answer)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/no known vulnerability/) as string,
    });
  }
});

it('a registry that does not answer is told, and passes', async () => {
  for (const [answer, reason] of [
    ['{"message":"405 Method Not Allowed"}', '405 Method Not Allowed'],
    ['', 'none'],
  ] as const) {
    expect(await audit(answer)).toMatchObject({
      code: 0,
      output: expect.stringContaining(`no answer (${reason})`) as string,
    });
  }
});
