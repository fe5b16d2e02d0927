import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { readModule } from '../../../src/runner/modules/fingerprint.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);
const refused = async (name: string, told: string) => {
  const error: unknown = await readModule('loss', name).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).message).toContain(told);
};

it.runIf(process.platform !== 'win32')(
  'a pipe or a device is refused as a module and as what one imports, and not waited for',
  async () => {
    execFileSync('mkfifo', [at('pipe.mjs')]);
    await writeFile(at('loss.mjs'), "export { default } from './pipe.mjs';\n");
    await refused(at('pipe.mjs'), `--loss: can't read ${at('pipe.mjs')}: it is a pipe or a device, not a file`);
    await refused('/dev/zero', "--loss: can't read /dev/zero: it is a pipe or a device, not a file");
    await refused(at('loss.mjs'), `(${at('loss.mjs')} imports it)`);
  },
);

it('a file that is too large for a module is refused unread', async () => {
  await writeFile(at('large.mjs'), '');
  await truncate(at('large.mjs'), 2 ** 40);
  await refused(at('large.mjs'), `can't read ${at('large.mjs')}: it has ${2 ** 40} bytes`);
});
