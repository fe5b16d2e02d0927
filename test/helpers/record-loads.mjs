// Hooks of Node.js's module loader: writes the address of every module that a process loads into the file that LOADS names.
import { appendFileSync } from 'node:fs';

export function load(url, context, next) {
  appendFileSync(process.env.LOADS, `${url}\n`);
  return next(url, context);
}
