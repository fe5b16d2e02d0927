/** The pages that people read to use or change the project; bench/results records what was. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from './blocks.js';
import { readPage } from './blocks.js';

export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Relative to the checkout; the folder's own pages, or also those of folders in it. */
const folders = [
  { folder: '.', recursive: false },
  { folder: 'artifacts', recursive: false },
  { folder: 'docs', recursive: false },
  { folder: 'examples', recursive: true },
];

export const pageNames = (): string[] =>
  folders.flatMap(({ folder, recursive }) =>
    readdirSync(path.join(checkout, folder), { recursive, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.split(path.sep).includes('node_modules'))
      .map((name) => path.posix.join(folder, ...name.split(path.sep)))
      .sort(),
  );

export const readText = (page: string): string => readFileSync(path.join(checkout, page), 'utf8');

export const readPages = (): Page[] => pageNames().map((page) => readPage(page, readText(page)));
