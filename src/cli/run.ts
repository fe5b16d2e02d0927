/** Runs the program, and says what went wrong. */
import { CommanderError } from 'commander';
import { UserError } from '../runner/errors.js';
import { fileError } from '../runner/files.js';
import { memoryError } from '../runner/out-of-memory.js';
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
  console.error(error);
  console.error(
    'dws: this is an error in dws itself. Please report it with the lines above and what `dws doctor` prints.',
  );
  return 1;
}

// A reader like `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') console.error(`dws: ${fileError("can't write the output", error).message}`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  terminal.clear();
  process.exitCode = report(error);
}
