/** Whether blocks that are wrong are found, at the line where they are. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Block } from './blocks.js';
import { readPage } from './blocks.js';
import { commandProblems } from './commands.js';
import { typeErrors } from './type-check.js';
import type { Workspace } from './workspace.js';
import { makeWorkspace, runScript, runShell } from './workspace.js';

const blocksOf = (...lines: string[]): Block[] => readPage('a/page.md', lines.join('\n')).blocks;

describe('commands', () => {
  const problems = (...lines: string[]) =>
    blocksOf('<!-- not run: a test -->', '```sh', ...lines, '```').flatMap(commandProblems);

  it('that there are pass', () => {
    expect(
      problems(
        ...['npm run quickstart', 'npx dws train --lr 3e-4 \\', '  --data-path DATA   # --no-option', 'dws --version'],
        ...['dws help train', 'dws export --checkpoint runs/a -o b', 'ls --all', 'npm test'],
      ),
    ).toEqual([]);
  });

  it.each([
    ['npm run quick', 'package.json has no script quick'],
    ['npx dws trian', 'dws has no command trian'],
    ['dws train --learning-rate 1', 'dws train has no option --learning-rate'],
    ['dws train \\\n  --learning-rate=1', 'dws train has no option --learning-rate'],
  ])('%s does not', (line, problem) => expect(problems(line)).toEqual([`a/page.md:3: ${problem}`]));
});

describe('a workspace', () => {
  const blocks = blocksOf(
    ...['<!-- file: two.ts -->', '```ts', 'export const two: number = 2;', '```'],
    ...['<!-- compile -->', '```ts', "import { two } from './two.ts';", "import { train, nothing } from 'dws';", ''],
    ...['export const text: string = two;', 'export const it = [train];', '```'],
    ...['<!-- compile -->', '```ts', "import { EmbeddingModel } from 'dws/web';", 'new EmbeddingModel(true);', '```'],
    ...['<!-- not run: wrong -->', '```ts', 'nor(this);', '```'],
  );
  let workspace: Workspace;
  beforeAll(async () => {
    workspace = await makeWorkspace(blocks);
  });
  afterAll(() => workspace.remove());

  it('has types, whose errors are told by page and line', () => {
    expect(typeErrors(workspace, blocks)).toEqual([
      expect.stringMatching(/^a\/page\.md:8: Module '"dws"' has no exported member 'nothing'/),
      expect.stringMatching(/^a\/page\.md:10: Type 'number' is not assignable to type 'string'/),
      expect.stringMatching(/^a\/page\.md:16: Constructor of class 'EmbeddingModel' is private/),
    ]);
  });

  it('runs commands and scripts, and tells which failed', async () => {
    const circumstances = { root: workspace.root, cwd: workspace.folderOf('a/page.md'), small: false };
    expect(await runShell('npx dws --version; dws --version', circumstances)).toMatch(/^(\d+\.\d+\.\d+)\n\1\n$/);
    await expect(runShell('echo one\nfalse && true\nls nowhere\ntrue', circumstances)).rejects.toThrow(
      /^one\n.*nowhere.*\nfailed with 2: ls nowhere/,
    );
    await expect(runShell('npx not-installed', circumstances)).rejects.toThrow('not among what is installed');
    await expect(runScript('two.ts', circumstances)).resolves.toBe('');
  });
});
