/** A run's checkpoints: the last, the best by Recall@1, and as many earlier ones as asked for. */
import { rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { saveCheckpoint } from './checkpoint.js';
import type { Checkpoint, CheckpointContent, CheckpointMetadata } from './checkpoint.js';
import { UserError } from '../base/errors.js';
import { ensureWritableFolder, fileError, linkFileAtomic } from '../base/files.js';
import { setAside, tryCheckpoint } from './damage.js';
import {
  BEST,
  checkpointNames,
  epochFile,
  epochOf,
  isLeftover,
  LAST,
  listFolder,
  prefixOf,
  requirePrefix,
} from './names.js';

export interface CheckpointFolderOptions {
  /** Finished epochs that keep a file of their own: `checkpoint-epoch-0003.safetensors` after three epochs. */
  keep: number;
  /** Put before each file's name. */
  prefix?: string;
  /** The checkpoint that the run goes on from. Its best so far is the one to beat, and is brought along. */
  resumed?: Checkpoint;
  /** Called before anything is written; throws when another process has taken the folder over. */
  requireHeld?: () => Promise<void>;
}

/** Whether two names are one file. */
async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, two] = await Promise.all([a, b].map((file) => stat(file).catch(() => undefined)));
  return one !== undefined && two !== undefined && one.ino === two.ino && one.dev === two.dev;
}

export class CheckpointFolder {
  /** The best that the resumed checkpoint tells of, when no whole file holds it any more. */
  lostBest: CheckpointMetadata['best'] = null;
  /** Damaged files that would have been replaced, and the names that they have now. */
  readonly setAside: { file: string; aside: string }[] = [];

  private constructor(
    /** The run's folder. */
    readonly folder: string,
    private readonly prefix: string,
    private readonly keep: number,
    private best: CheckpointMetadata['best'],
    private readonly requireHeld: () => Promise<void>,
  ) {}

  get lastPath(): string {
    return this.path(LAST);
  }

  /** Where the best one is, once an evaluated checkpoint was saved. */
  get bestPath(): string {
    return this.path(BEST);
  }

  /**
   * Opens a run's folder, creating it where it is missing. A damaged last or best checkpoint gets another name.
   *
   * @throws UserError when the folder can't be written to, the prefix names another folder, or a run that goes on from nothing finds a
   *   whole checkpoint
   */
  static async open(folder: string, options: CheckpointFolderOptions): Promise<CheckpointFolder> {
    const { keep, prefix = '', resumed, requireHeld = async () => undefined } = options;
    requirePrefix(prefix);
    await ensureWritableFolder(folder);
    const opened = new CheckpointFolder(folder, prefix, keep, resumed?.metadata.best ?? null, requireHeld);
    await opened.remove(isLeftover);
    await opened.makeRoom(resumed);
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
    content: Omit<CheckpointContent, 'metadata'> & { metadata: Omit<CheckpointMetadata, 'best'> },
    recall: number | null,
  ): Promise<boolean> {
    const { step } = content.metadata;
    const isBest = recall !== null && recall > (this.best?.recall ?? -1);
    const best = isBest ? { step, recall } : this.best;
    // Somebody may have removed it: better a checkpoint in a new folder than none.
    await ensureWritableFolder(this.folder);
    await this.requireHeld();
    await saveCheckpoint(this.lastPath, { ...content, metadata: { ...content.metadata, best } }, this.requireHeld);
    if (isBest) await linkFileAtomic(this.lastPath, this.bestPath);
    this.best = best;
    await this.keepEpoch(this.lastPath, content.metadata);
    return isBest;
  }

  /** Gives a checkpoint at an epoch's end a name of its own, and drops those of epochs that are too old now. */
  private async keepEpoch(source: string, { epoch, epochStep }: Omit<CheckpointMetadata, 'best'>): Promise<void> {
    if (this.keep === 0 || epochStep > 0) return;
    const target = this.path(epochFile(epoch));
    if (!(await isSameFile(source, target))) {
      await this.clear(target);
      await linkFileAtomic(source, target);
    }
    // Later epochs are another attempt's, from before this run was resumed; it will replace them as it gets there.
    await this.remove((name) => (epochOf(name) ?? Infinity) <= epoch - this.keep);
  }

  /** Sets aside what is damaged under the names that will be written next. */
  private async makeRoom(resumed: Checkpoint | undefined): Promise<void> {
    for (const file of [this.lastPath, this.bestPath]) {
      if (resumed && (await isSameFile(file, resumed.path))) continue;
      const isWhole = await this.clear(file);
      if (isWhole && !resumed)
        throw new UserError(
          `${file} was written by another training since this one was asked for. Go on from it with --resume ${this.folder}.`,
        );
    }
  }

  /** Sets a damaged file aside. @returns whether there is a whole one */
  private async clear(file: string): Promise<boolean> {
    const { checkpoint, damage } = await tryCheckpoint(file);
    if (damage !== undefined) this.setAside.push({ file, aside: await setAside(file) });
    return checkpoint !== undefined;
  }

  /** A run that goes on from another of its own files has lost the last one; with nothing left to train it would write none. */
  private async bringLast({ path }: Checkpoint): Promise<void> {
    if (await isSameFile(path, this.lastPath)) return;
    if (!(await tryCheckpoint(this.lastPath)).checkpoint) await linkFileAtomic(path, this.lastPath);
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
    const prefix = prefixOf(path) ?? '';
    const names = checkpointNames(await listFolder(dirname(path)), prefix).map(({ name }) => name);
    const others = names.filter((name) => name !== basename(path) && name !== prefix + BEST);
    for (const name of [prefix + BEST, ...others]) {
      const file = join(dirname(path), name);
      if ((await tryCheckpoint(file)).checkpoint?.metadata.step === step) return file;
    }
    return undefined;
  }

  private path(name: string): string {
    return join(this.folder, this.prefix + name);
  }

  /** @param isOld given the name without the prefix */
  private async remove(isOld: (name: string) => boolean): Promise<void> {
    try {
      const ours = (await listFolder(this.folder)).filter((name) => name.startsWith(this.prefix));
      const old = ours.filter((name) => isOld(name.slice(this.prefix.length)));
      await Promise.all(old.map((name) => rm(join(this.folder, name), { force: true })));
    } catch (error) {
      throw fileError(`can't remove old checkpoints from ${this.folder}`, error);
    }
  }
}
