import type { Command } from 'commander';
import { exportModel } from '../../runner/export.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, required } from '../options.js';
import { checkpoint } from '../option-tables.js';
import { path } from '../parsers.js';
import { terminal } from '../terminal.js';

const own = {
  checkpoint,
  out: {
    ...required(
      'file',
      'file to write: .onnx for a model with its weights inside, batch normalization folded; .safetensors for the ' +
        "weights under torchvision's names, for PyTorch",
      path,
    ),
    short: 'o',
  },
};

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write a checkpoint as one ONNX model, or as weights for PyTorch');
  addOptions(command, 'Options:', own);
  addExample(command, 'dws export --checkpoint runs/resnet18-0/best.safetensors -o model.onnx');
  command.action(async (values: OptionValues<typeof own>) => {
    await exportModel(values.checkpoint, values.out);
    terminal.print(values.out);
  });
}
