import type { Command } from 'commander';
import { webVariantNames } from '../../graph/artifacts/web-model.js';
import { UserError } from '../../runner/base/errors.js';
import { webExportDefaults } from '../../runner/options/defaults.js';
import { backboneModule } from '../modules.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle, withDefault } from '../options.js';
import { checkpoint, device, imageReading } from '../option-tables.js';
import { listOf, oneOf, path } from '../parsers.js';
import { outputIsAside } from '../output.js';

const own = {
  checkpoint,
  ...backboneModule,
  out: {
    ...optional(
      'file',
      'file to write: .onnx for a model with its weights inside, batch normalization folded; .safetensors for the ' +
        "weights under torchvision's names, for PyTorch",
      path,
    ),
    short: 'o',
  },
  withResize: toggle('let an .onnx model take images of any size, and resize them as the training did'),
  unfolded: toggle(
    'let an .onnx model take normalized float32 images and keep batch normalization, to be trained further',
  ),
  web: optional('dir', 'folder to write for web pages and transformers.js, to be put on any static server', path),
};

const web = {
  variants: {
    ...withDefault(
      'names',
      `smaller forms of the model beside fp32, with commas between: ${webVariantNames.slice(1).join(', ')}`,
      listOf(oneOf(webVariantNames)),
      webExportDefaults.variants,
    ),
    defaultText: 'none',
  },
  dataPath: optional('dir', 'folder with val/CLASS/*, to measure what the model and its forms are worth', path),
  ...imageReading,
  threads: device.threads,
};

type Values = OptionValues<typeof own & typeof web>;

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write a checkpoint as one ONNX model, as weights for PyTorch, or as a folder for web pages');
  addOptions(command, 'Options:', own);
  addOptions(command, 'With --web:', web);
  addExample(
    command,
    'dws export --checkpoint runs/resnet18-0/best.safetensors --web site/model --variants fp16,int8 --data-path data/icons',
  );
  command.action(async (values: Values) => {
    const { out, web: folder } = values;
    outputIsAside();
    if (out !== undefined && folder !== undefined) {
      throw new UserError(`-o ${out} and --web ${folder}: give one of them, and run the command again for the other.`);
    }
    if (folder !== undefined) {
      if (values.withResize)
        throw new UserError(
          `--with-resize belongs to -o model.onnx: the models of --web ${folder} resize images anyway.`,
        );
      if (values.unfolded)
        throw new UserError(`--unfolded belongs to -o model.onnx: the models of --web ${folder} are for running.`);
      const { writeWeb } = await import('../actions/export.js');
      process.exitCode = await writeWeb(folder, values);
      return;
    }
    if (out === undefined) {
      throw new UserError('say what to write: a file with -o model.onnx, or a folder for web pages with --web DIR.');
    }
    const unused = Object.keys(web).find((key) => command.getOptionValueSource(key) === 'cli');
    if (unused !== undefined) {
      const flag = command.options.find((option) => option.attributeName() === unused)!.long!;
      throw new UserError(`${flag} has no meaning for -o ${out}: it belongs to --web DIR.`);
    }
    const { writeModel } = await import('../actions/export.js');
    await writeModel(out, values);
  });
}
