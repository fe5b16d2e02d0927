#!/usr/bin/env node
/** Looks at the version of Node.js before anything else is loaded: an older one can't even parse some packages. */
import { nodeComplaint } from '../runner/node-version.js';

const complaint = nodeComplaint();
if (complaint === undefined) {
  await import('./run.js');
} else {
  console.error(`dws: ${complaint}`);
  process.exitCode = 1;
}
