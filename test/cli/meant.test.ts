/** Words that are nearly right: what may be meant is told. */
import { expect, it } from 'vitest';
import { valSplitText } from '../../src/cli/parsers.js';
import { createProgram } from '../../src/cli/program.js';
import { formatOf, writeEmbeddings } from '../../src/runner/evaluation/embedding-files.js';
import { exportModel } from '../../src/runner/shipping/export.js';

it('a command that there is not is named by help, with the one that may be meant', async () => {
  const said: string[] = [];
  const program = createProgram().configureOutput({ writeErr: (text) => said.push(text) });
  const help = program.commands.find((command) => command.name() === 'help')!;
  help.configureOutput({ writeErr: (text) => said.push(text) });
  await expect(program.parseAsync(['node', 'dws', 'help', 'trian'])).rejects.toThrow(/'trian' .* Did you mean train\?/);
});

it('the kind of a share and the ending of a file are told', async () => {
  expect(() => valSplitText('clases:0.3')).toThrow('Did you mean classes? Give');
  expect(() => formatOf('x.nyp')).toThrow('Did you mean npy?');
  await expect(exportModel('none', 'm.onx')).rejects.toThrow('Did you mean .onnx?');
});

it.runIf(process.platform !== 'win32')(
  'embeddings are written into a device in the format that is named, without a list',
  async () => {
    const content = { embeddings: new Float32Array(2), dim: 2, paths: ['a.png'], skipped: [] };
    for (const format of ['npy', 'csv'] as const)
      expect(await writeEmbeddings('/dev/null', content, format)).toEqual(['/dev/null']);
  },
);
