/** An event file in a run's folder, which `tensorboard --logdir` finds. */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileError } from '../base/files.js';
import { encodeRecord } from './records.js';
import type { Event, SummaryValue } from './schema.js';
import { encodeEvent, sessionStart } from './schema.js';

const seconds = (): number => Date.now() / 1000;

/** Files of one process: TensorBoard reads a folder's files in the order of their names. */
let files = 0;

export class EventFile {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Begins a file of its own: a resumed run adds one to those that are there.
   *
   * @param from the first step whose values in earlier files do not count
   * @throws UserError when the file can't be written
   */
  static async open(folder: string, from: number): Promise<EventFile> {
    const time = String(Math.floor(seconds())).padStart(10, '0');
    const number = String(files++).padStart(4, '0');
    const path = join(folder, `events.out.tfevents.${time}.${number}.${hostname()}.${process.pid}`);
    try {
      const events = new EventFile(path, await open(path, 'wx'));
      await events.append([{ wallTime: seconds(), fileVersion: 'brain.Event:2' }]);
      await events.append([{ wallTime: seconds(), step: from, sessionLog: { status: sessionStart } }]);
      return events;
    } catch (error) {
      throw fileError(`can't write ${path}`, error);
    }
  }

  /** @throws UserError naming the path and the reason, for example a full disk */
  async write(rows: readonly { step: number; values: SummaryValue[] }[]): Promise<void> {
    const wallTime = seconds();
    await this.append(rows.map(({ step, values }) => ({ wallTime, step, summary: { value: values } })));
  }

  private async append(events: readonly Event[]): Promise<void> {
    try {
      await this.file.appendFile(Buffer.concat(events.map((event) => encodeRecord(encodeEvent(event)))));
    } catch (error) {
      throw fileError(`can't write ${this.path}`, error);
    }
  }

  /** @throws UserError when what was written can't be put on the disk */
  async sync(): Promise<void> {
    await this.file.sync().catch((error: unknown) => {
      throw fileError(`can't write ${this.path}`, error);
    });
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
