/** Every code block of the documentation has a mark, its commands exist, and its TypeScript has the types that the package has. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandProblems } from './commands.js';
import { readPages } from './pages.js';
import { typeErrors } from './type-check.js';
import type { Workspace } from './workspace.js';
import { makeWorkspace } from './workspace.js';

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
let workspace: Workspace;

beforeAll(async () => {
  workspace = await makeWorkspace(blocks);
});
afterAll(() => workspace.remove());

it('every block is marked', () => {
  expect(pages.flatMap(({ problems }) => problems)).toEqual([]);
});

it('commands have the names and options that they have, run or not', () => {
  expect(blocks.flatMap(commandProblems)).toEqual([]);
});

it('TypeScript has the types that the package has', () => {
  expect(typeErrors(workspace, blocks)).toEqual([]);
});
