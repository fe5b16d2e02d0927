/**
 * Runs command lines of `dws` one after another in one process, as `src/cli/run.ts` would. Not in the test runner's own process:
 * its loader is not Node.js's, which modules are loaded with.
 *
 * Arguments: the folder to run in, and a JSON file of command lines. Prints a JSON list of what each has thrown: null for nothing.
 */
import { readFileSync } from 'node:fs';
import { namedModules } from '../../dist/cli/modules.js';
import { createProgram } from '../../dist/cli/program.js';
import { UserError } from '../../dist/runner/base/errors.js';
import { loadModules } from '../../dist/runner/modules/load.js';

const [folder, file] = process.argv.slice(2);
process.chdir(folder);
const ended = [];
for (const args of JSON.parse(readFileSync(file, 'utf8'))) {
  try {
    const modules = await loadModules(namedModules(args));
    await createProgram(modules).parseAsync(args, { from: 'user' });
    ended.push(null);
  } catch (error) {
    ended.push({ message: String(error?.message), isUserError: error instanceof UserError });
  }
}
console.log(JSON.stringify(ended));
process.exit(0);
