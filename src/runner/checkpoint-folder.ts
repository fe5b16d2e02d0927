/** A run's checkpoints: the last, the best by Recall@1, and as many earlier ones as asked for. */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { NetworkLayout, TrainingState } from '../graph/state.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { Checkpoint, CheckpointMetadata } from './checkpoint.js';
import { UserError } from './errors.js';
import { ensureWritableFolder, fileError, isTemporaryFile, linkFileAtomic } from './files.js';

const LAST = 'checkpoint.safetensors';
const BEST = 'best.safetensors';
const EPOCH = /^checkpoint-epoch-(\d+)\.safetensors$/;
/** What a killed run may have left half-written. */
const OURS = /^(checkpoint|best|metrics|run|data)/;
/** Ends the name of each of these files, with or without a prefix. */
const ANY = /(checkpoint(-epoch-\d+)?|best)\.safetensors$/;

const epochFile = (epoch: number): string => `checkpoint-epoch-${String(epoch).padStart(4, '0')}.safetensors`;

/** The checkpoints among a folder's files, the last one first and the newest of the others after it. */
export function checkpointNames(names: readonly string[], prefix: string): { name: string; isLast: boolean }[] {
  const isWhole = (name: string) => ANY.exec(name)?.[0] === name;
  const ours = names.filter((name) => name.startsWith(prefix) && isWhole(name.slice(prefix.length)));
  const rank = (name: string) => {
    const bare = name.slice(prefix.length);
    return bare === LAST ? Infinity : Number(EPOCH.exec(bare)?.[1] ?? -1);
  };
  return ours.sort((a, b) => rank(b) - rank(a)).map((name) => ({ name, isLast: name === prefix + LAST }));
}

export interface CheckpointFolderOptions {
  /** Finished epochs that keep a file of their own: `checkpoint-epoch-0003.safetensors` after three epochs. */
  keep: number;
  /** Put before each file's name. */
  prefix?: string;
  /** The checkpoint that the run goes on from. Its best so far is the one to beat, and is brought along. */
  resumed?: Checkpoint;
}

export class CheckpointFolder {
  /** The best that the resumed checkpoint tells of, when no whole file holds it any more. */
  lostBest: CheckpointMetadata['best'] = null;

  private constructor(
    /** The run's folder. */
    readonly folder: string,
    private readonly prefix: string,
    private readonly keep: number,
    private best: CheckpointMetadata['best'],
  ) {}

  get lastPath(): string {
    return this.path(LAST);
  }

  /** Where the best one is, once an evaluated checkpoint was saved. */
  get bestPath(): string {
    return this.path(BEST);
  }

  /**
   * Opens a run's folder, creating it where it is missing.
   *
   * @throws UserError when the folder can't be written to, or the prefix names another folder
   */
  static async open(folder: string, options: CheckpointFolderOptions): Promise<CheckpointFolder> {
    const { keep, prefix = '', resumed } = options;
    if (prefix !== basename(prefix)) {
      throw new UserError(
        `the prefix '${prefix}' of checkpoint files must not hold a folder; choose the folder with --out`,
      );
    }
    await ensureWritableFolder(folder);
    const opened = new CheckpointFolder(folder, prefix, keep, resumed?.metadata.best ?? null);
    await opened.remove((name) => isTemporaryFile(name) && OURS.test(name));
    if (resumed !== undefined) {
      const isOurs = resolve(dirname(resumed.path)) === resolve(folder);
      if (isOurs) await opened.bringLast(resumed);
      await opened.bringBest(resumed);
      // A crash may have come before its link.
      if (isOurs) await opened.keepEpoch(resumed.path, resumed.metadata);
    }
    return opened;
  }

  /**
   * Saves the state as the last checkpoint; also as the best when it is, and under its epoch at an epoch's end.
   *
   * @param recall Recall@1 of this state in [0, 1], or null when it was not evaluated; of equal ones the earlier stays
   *   the best
   * @returns whether it is the best so far
   * @throws UserError when a file can't be written; those written before stay whole
   */
  async save(
    content: { layout: NetworkLayout; state: TrainingState; metadata: Omit<CheckpointMetadata, 'best'> },
    recall: number | null,
  ): Promise<boolean> {
    const { step } = content.metadata;
    const isBest = recall !== null && recall > (this.best?.recall ?? -1);
    const best = isBest ? { step, recall } : this.best;
    // Somebody may have removed it: better a checkpoint in a new folder than none.
    await ensureWritableFolder(this.folder);
    await saveCheckpoint(this.lastPath, { ...content, metadata: { ...content.metadata, best } });
    if (isBest) await linkFileAtomic(this.lastPath, this.bestPath);
    this.best = best;
    await this.keepEpoch(this.lastPath, content.metadata);
    return isBest;
  }

  /** Gives a checkpoint at an epoch's end a name of its own, and drops those of epochs that are too old now. */
  private async keepEpoch(source: string, { epoch, epochStep }: Omit<CheckpointMetadata, 'best'>): Promise<void> {
    if (this.keep === 0 || epochStep > 0) return;
    const target = this.path(epochFile(epoch));
    if (resolve(source) !== resolve(target)) await linkFileAtomic(source, target);
    // Later epochs are another attempt's, from before this run was resumed; it will replace them as it gets there.
    await this.remove((name) => Number(EPOCH.exec(name)?.[1] ?? Infinity) <= epoch - this.keep);
  }

  /** A run that goes on from another of its own files has lost the last one; with nothing left to train it would write none. */
  private async bringLast({ path }: Checkpoint): Promise<void> {
    if (resolve(path) === resolve(this.lastPath)) return;
    if (!(await loadCheckpoint(this.lastPath).catch(() => null))) await linkFileAtomic(path, this.lastPath);
  }

  /**
   * A resumed run's best is the resumed checkpoint itself, or one of those beside it: a crash may have come before its link, and
   * the file may be damaged.
   */
  private async bringBest(resumed: Checkpoint): Promise<void> {
    const { best, step } = resumed.metadata;
    if (best === null) return;
    const source = best.step === step ? resumed.path : await this.findBest(resumed, best.step);
    if (source === undefined) this.lostBest = best;
    else if (source !== this.bestPath) await linkFileAtomic(source, this.bestPath);
  }

  private async findBest({ path }: Checkpoint, step: number): Promise<string | undefined> {
    const prefix = basename(path).replace(ANY, '');
    const names = checkpointNames(await readdir(dirname(path)), prefix).map(({ name }) => name);
    const others = names.filter((name) => name !== basename(path) && name !== prefix + BEST);
    for (const name of [prefix + BEST, ...others]) {
      const file = join(dirname(path), name);
      if ((await loadCheckpoint(file).catch(() => null))?.metadata.step === step) return file;
    }
    return undefined;
  }

  private path(name: string): string {
    return join(this.folder, this.prefix + name);
  }

  /** @param isOld given the name without the prefix */
  private async remove(isOld: (name: string) => boolean): Promise<void> {
    try {
      const ours = (await readdir(this.folder)).filter((name) => name.startsWith(this.prefix));
      const old = ours.filter((name) => isOld(name.slice(this.prefix.length)));
      await Promise.all(old.map((name) => rm(join(this.folder, name), { force: true })));
    } catch (error) {
      throw fileError(`can't remove old checkpoints from ${this.folder}`, error);
    }
  }
}
