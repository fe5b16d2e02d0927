// Starts ranks as a program does: node launch.mjs SIZE PROGRAM ARGS...
import { launchRanks } from '../../../dist/runner/ranks/launch.js';

const [size, program, ...args] = process.argv.slice(2);
try {
  process.exitCode = await launchRanks({ size: Number(size), program, args });
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 99;
}
