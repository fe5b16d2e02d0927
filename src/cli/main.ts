#!/usr/bin/env node
/** Looks at the version of Node.js before anything else is loaded: an older one can't even parse some packages. */
import { nodeComplaint } from '../runner/base/node-version.js';
import { openFilesComplaint } from '../runner/base/open-files.js';

const run = (): Promise<unknown> =>
  import('./run.js').catch((error: unknown) => {
    const complaint = openFilesComplaint(error);
    if (complaint === undefined) throw error;
    return complaint;
  });

const complaint = nodeComplaint() ?? (await run());
if (typeof complaint === 'string') {
  console.error(`dws: ${complaint}`);
  process.exitCode = 1;
}
