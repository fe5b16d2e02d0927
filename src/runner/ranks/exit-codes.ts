/** Exit codes of ranks, in the order in which they ended, for an mpirun that makes one of all of them: MPICH's joins their bits, or says 0. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { workerFile } from '../base/worker-file.js';

/** Names the file into which ranks write them (`report-code.ts`). */
export const codesVariable = 'DWS_RANK_CODES';

export interface ExitCodes {
  /** Before the script, of those that Node.js runs. */
  nodeArgs: readonly string[];
  env: Readonly<Record<string, string>>;
  /** The first one that is not 0; undefined where no rank has said one. */
  first(): Promise<number | undefined>;
  remove(): Promise<void>;
}

export async function exitCodes(): Promise<ExitCodes> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dws-ranks-'));
  const file = path.join(folder, 'codes');
  return {
    nodeArgs: ['--import', workerFile('ranks/report-code').href],
    env: { [codesVariable]: file },
    async first() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return text === '' ? undefined : Number(text.split('\n')[0]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
