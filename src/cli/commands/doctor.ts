import type { Command } from 'commander';
import { addExample } from '../options.js';

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('try out what this machine can do: versions, execution providers, image decoder, memory, disk');
  addExample(command, 'dws doctor');
  command.action(async () => {
    const { doctor } = await import('../actions/doctor.js');
    await doctor();
  });
}
