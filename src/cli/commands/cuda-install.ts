import type { Command } from 'commander';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle } from '../options.js';
import { oneOf } from '../parsers.js';

const own = {
  cuda: optional('12|13', 'version of CUDA; found out from the machine unless given', oneOf(['12', '13'])),
  yes: toggle('for CUDA 13, take the package of a third party without being asked'),
  remove: toggle('remove the provider again'),
};

export function addCudaInstall(program: Command): void {
  const command = program
    .command('cuda-install')
    .description("put ONNX Runtime's CUDA provider beside onnxruntime-node (Linux on x64)");
  addOptions(command, 'Options:', own);
  addExample(command, 'dws cuda-install --cuda 12');
  command.action(async (values: OptionValues<typeof own>) => {
    const { cudaInstall } = await import('../actions/cuda-install.js');
    process.exitCode = await cudaInstall(values);
  });
}
