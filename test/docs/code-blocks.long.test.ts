/** Every code block of the documentation that is marked so is run, page by page. CONTRIBUTING.md says how blocks are marked. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Block } from './blocks.js';
import { shells } from './blocks.js';
import { missingLine, splitConsole } from './output.js';
import { readPages } from './pages.js';
import type { Workspace } from './workspace.js';
import { addData, fileOf, makeWorkspace, runPython, runScript, runShell } from './workspace.js';

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
let workspace: Workspace;

beforeAll(async () => {
  workspace = await makeWorkspace(blocks);
  await addData(workspace, blocks);
});
afterAll(() => workspace.remove());

function hasTorch(): boolean {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import torch, torchvision'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What it printed. */
async function runBlock(block: Block): Promise<string> {
  const { page, code, language, mark, setup } = block;
  const circumstances = { root: workspace.root, cwd: workspace.folderOf(page), small: false };
  for (const command of setup) await runShell(command, { ...circumstances, small: true });
  const file = path.join(circumstances.cwd, fileOf(block));
  if (!shells.includes(language)) writeFileSync(file, code);
  if (mark.kind === 'file') return '';
  const small = mark.kind === 'run' && mark.small;
  if (language === 'python') return runPython(file, circumstances);
  if (!shells.includes(language)) return runScript(file, circumstances);
  const { script, expected } = language === 'console' ? splitConsole(code) : { script: code, expected: '' };
  const printed = await runShell(script, { ...circumstances, small });
  expect(missingLine(printed, expected), `a line of the page, missing in\n${printed}`).toBeUndefined();
  return printed;
}

for (const { page, blocks: all } of pages.filter(({ blocks }) => blocks.some(({ mark }) => mark.kind === 'run'))) {
  describe(page, () => {
    let printed = '';
    for (const block of all.filter(({ mark }) => ['run', 'file', 'output'].includes(mark.kind))) {
      const { mark, line, language, code } = block;
      it(`line ${line}: ${mark.kind} ${language}`, async (context) => {
        if (language === 'python' && mark.kind === 'run' && !hasTorch())
          context.skip('python3-torch and python3-torchvision are not installed');
        if (mark.kind === 'output')
          expect(missingLine(printed, code), `a line of the page, missing in\n${printed}`).toBeUndefined();
        else printed = await runBlock(block);
      });
    }
  });
}
