/** Loaded into a rank before its script: says how the rank has ended. */
import { appendFileSync } from 'node:fs';
import { codesVariable } from './exit-codes.js';

const file = process.env[codesVariable];
// What the rank starts, threads and processes, is loaded with this too.
delete process.env[codesVariable];
if (file !== undefined) {
  process.on('exit', (code) => {
    if (code !== 0) appendFileSync(file, `${code}\n`);
  });
}
