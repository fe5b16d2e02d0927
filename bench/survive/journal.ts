/** What a training does to files, written down by `journal-hook.mjs` inside of it, and what of that a power cut would leave. */
import { readFile } from 'node:fs/promises';
import { link, rename, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { Philox } from '../../src/graph/state/philox.js';

const hook = new URL('journal-hook.mjs', import.meta.url).href;

/** One step of a write. */
export interface Step {
  op: 'open' | 'write' | 'sync' | 'sync-folder' | 'rename' | 'link' | 'remove' | 'mkdir';
  path: string;
  /** Where the name was before. */
  from?: string;
  /** Number of the file, and its size where it was put on the disk. */
  ino?: number;
  size?: number;
  /** A second name of the file that the step took the name from. */
  older?: string;
  /** Open: the file was not there. */
  made?: boolean;
}

/** @param killAt number of the step, from 0, before which the process kills itself */
export const underJournal = (folder: string, killAt?: number): Record<string, string> => ({
  NODE_OPTIONS: `--import=${hook}`,
  DWS_JOURNAL: folder,
  ...(killAt !== undefined && { DWS_KILL_AT: String(killAt) }),
});

export async function journalOf(folder: string): Promise<Step[]> {
  const text = await readFile(path.join(folder, 'steps.jsonl'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step);
}

const undo: Partial<Record<Step['op'], (step: Step) => Promise<void>>> = {
  rename: async ({ path: to, from, older }) => {
    await rename(to, from!);
    if (older !== undefined) await link(older, to);
  },
  link: ({ path: made }) => rm(made),
  remove: async ({ path: removed, older }) => {
    if (older !== undefined) await link(older, removed);
  },
  open: async ({ path: opened, made }) => {
    if (made) await rm(opened, { force: true });
  },
  mkdir: ({ path: made }) => rm(made, { recursive: true, force: true }),
};

/**
 * Makes files and names what a power cut leaves: of what was done to the names of a folder since it was put on the disk, some of the
 * first steps; of each file, what was put on the disk.
 */
export async function cutPower(journal: string, random: Philox): Promise<void> {
  const steps = await journalOf(journal);
  const lastSync = new Map<string, number>();
  for (const [index, { op, path: folder }] of steps.entries()) if (op === 'sync-folder') lastSync.set(folder, index);
  const isNaming = ({ op }: Step) => undo[op] !== undefined;
  const unsure = steps.flatMap((step, index) =>
    isNaming(step) && index > (lastSync.get(path.dirname(step.path)) ?? -1) ? [step] : [],
  );
  const kept = random.int(unsure.length + 1);
  for (const step of unsure.slice(kept).reverse()) await undo[step.op]!(step);
  const durable = new Map<number, number>();
  for (const { op, ino, size } of steps) {
    if (ino === undefined) continue;
    if (op === 'write' || op === 'open') durable.set(ino, durable.get(ino) ?? size ?? 0);
    if (op === 'sync') durable.set(ino, size!);
  }
  for (const file of new Set(
    steps.filter(({ op }) => op !== 'sync-folder' && op !== 'mkdir').map((step) => step.path),
  )) {
    const found = await stat(file).catch(() => undefined);
    const size = found?.isFile() ? durable.get(found.ino) : undefined;
    if (size !== undefined && found!.size > size) await truncate(file, size);
  }
}
