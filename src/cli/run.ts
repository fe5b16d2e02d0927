/** Runs the program, and says what went wrong. */
import { CommanderError } from 'commander';
import { UserError } from '../runner/base/errors.js';
import { openFilesComplaint } from '../runner/base/open-files.js';
import { memoryError } from '../runner/compute/out-of-memory.js';
import { hasRunModules } from '../runner/modules/hook.js';
import type { LoadedModules, ModuleSources } from '../runner/modules/kinds.js';
import { noModules } from '../runner/modules/kinds.js';
import { namedModules } from './modules.js';
import { outputIsWritten, watchOutput } from './output.js';
import { createProgram } from './program.js';
import { terminal } from './terminal.js';

/** Tells what went wrong and returns the exit code. */
function report(error: unknown): number {
  // Commander has said its part already; help and version come this way too, with code 0.
  if (error instanceof CommanderError) return error.exitCode;
  const told = error instanceof UserError ? error : memoryError(error);
  if (told) {
    console.error(`dws: ${told.message}`);
    return 1;
  }
  const complaint = openFilesComplaint(error);
  if (complaint !== undefined) {
    console.error(`dws: ${complaint}`);
    return 1;
  }
  console.error(error);
  console.error(
    'dws: this is an error in dws itself. Please report it with the lines above and what `dws doctor` prints.',
  );
  return 1;
}

async function loaded(sources: ModuleSources): Promise<LoadedModules> {
  if (Object.keys(sources).length === 0) return noModules;
  const { loadModules } = await import('../runner/modules/load.js');
  return loadModules(sources);
}

watchOutput();

try {
  const modules = await loaded(namedModules(process.argv.slice(2)));
  await createProgram(modules).parseAsync();
} catch (error) {
  terminal.clear();
  process.exitCode = report(error);
}

// What a module has left running does not hold a command that is done.
if (hasRunModules()) {
  await outputIsWritten();
  process.exit();
}
