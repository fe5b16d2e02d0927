/** Parts from modules through the command line: what runs them, what goes on with them, and what their errors say. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { moduleFiles } from '../helpers/modules.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const run = (...args: string[]) => dws(args, { cwd: folder.path });
const words = (text: string) => text.split(' ').filter(Boolean);

const built = (file: string) => new URL(`../../dist/${file}`, import.meta.url).href;

const small = words(
  'train --data-path data --feat-dim 8 --embed-dim 4 --batch-size 4 --batch-k 2 --workers 0 --threads 1 --image-size 32 --seed 3 --print-freq 1',
);
const fresh = [...small, ...words('--epochs 2 --batch-num 3 --checkpoint-every 1')];
const lossRun = words('--backbone backbone.mjs --loss loss.mjs');
const otherRun = words('--backbone ./backbone.mjs --sampling=./sampling.mjs --optimizer ./optimizer.mjs');

/** Writes a file when it is imported. */
const trap = () => `import { writeFileSync } from 'node:fs';
writeFileSync(${JSON.stringify(at('trace'))}, 'ran');
export { default } from ${JSON.stringify(at('loss.mjs'))};
`;

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(folder.path, { ...moduleFiles, 'trap.mjs': trap() });
  const [a, b] = await Promise.all([
    run(...fresh, ...lossRun, '--out', 'a', '--start', '1.5', '--lr-axis-scale', '0.002', '--deep', '2'),
    run(...fresh, ...otherRun, '--out', 'b', '--draws', '2', '--rate', '0.25'),
  ]);
  expect([a.stderr, b.stderr]).toEqual(['', '']);
  expect([a.code, b.code]).toEqual([0, 0]);
});

const bytes = (name: string) => readFile(at(name, 'checkpoint.safetensors'));

describe('a run goes on and repeats', () => {
  it.each([
    ['a', lossRun, ['--start', '1.5', '--lr-axis-scale', '0.002', '--deep', '2']],
    ['b', otherRun, ['--draws', '2', '--rate', '0.25']],
  ])('%s, interrupted within an epoch, ends in the same bytes', async (name, modules, own) => {
    const out = `${name}-again`;
    const first = await dws([...fresh, ...modules, '--out', out, ...own, '--steps-per-run', '1'], {
      cwd: folder.path,
      interruptAt: /step 2\/3/,
    });
    expect(first.code).not.toBe(0);
    const { metadata } = await loadCheckpoint(at(out, 'checkpoint.safetensors'));
    expect(metadata.step).toBeLessThan(6);
    // Its own options are the checkpoint's.
    const second = await run(
      ...words('train --data-path data --workers 0 --epochs 2 --resume auto'),
      '--out',
      out,
      ...modules,
    );
    expect(second.stderr).toBe('');
    expect(second.stdout).toContain(own[0]);
    expect((await bytes(out)).equals(await bytes(name))).toBe(true);
  });

  it('verify says so, and names the file that has changed', async () => {
    const same = await run('verify', 'a', '--epochs', '1', ...lossRun);
    expect(same.stdout).toMatch(/^identical:/m);
    expect(same.code).toBe(0);
    await cp(at('backbone.mjs'), at('other', 'backbone.mjs'));
    await writeFile(at('other', 'width.mjs'), moduleFiles['width.mjs']!.replace('8', '9'));
    const changed = await run('verify', 'a', '--backbone', 'other/backbone.mjs', '--loss', 'loss.mjs');
    expect(changed.stdout).toContain('width.mjs has changed');
    expect(changed.stdout).not.toContain('loss.mjs');
    expect(changed.code).toBe(4);
  });

  it('a module that has changed is refused, and taken by a flag', async () => {
    await writeFile(at('other', 'loss.mjs'), `${moduleFiles['loss.mjs']}\n`);
    const args = words('train --data-path data --workers 0 --epochs 3 --resume a/checkpoint.safetensors --out c');
    const modules = words('--backbone backbone.mjs --loss other/loss.mjs');
    const refused = await run(...args, ...modules);
    expect(refused.stderr).toMatch(/^dws: .*was trained with the loss pull-push of a module .*--other-modules\.\n$/);
    expect(refused.code).toBe(1);
    const taken = await run(...args, ...modules, '--other-modules');
    expect(taken.stdout).toMatch(
      /unlike the run that wrote \S+: --loss pull-push \(SHA-256 \w{16}\.\.\.\) \(was pull-push \(SHA-256 \w{16}\.\.\.\)\)$/m,
    );
    expect(taken.code).toBe(0);
  });
});

describe('without the modules', () => {
  it.each([
    ['eval', words('eval --data-path data --threads 1')],
    ['embed', words('embed data/val --out made.npy --threads 1')],
    ['export', words('export -o made.onnx')],
    ['gallery', words('gallery data/val -o made-gallery --no-map --threads 1')],
  ])('%s wants the backbone, and nothing of the rest', async (_, args) => {
    const checkpoint = ['--checkpoint', 'a/checkpoint.safetensors'];
    const [without, given] = await Promise.all([
      run(...args, ...checkpoint),
      run(...args, ...checkpoint, '--backbone', 'backbone.mjs'),
    ]);
    expect(without.stderr).toMatch(
      /^dws: a.checkpoint\.safetensors was trained with the backbone tiny of a module .*--backbone FILE\.\n$/,
    );
    expect(without.code).toBe(1);
    expect(given.stderr).toBe('');
    expect(given.code).toBe(0);
  });

  it('report makes its page, and says what is missing of it', async () => {
    const without = await run('report', 'b', '-o', 'b.html', '--threads', '1');
    expect(without).toMatchObject({ code: 0, stderr: '' });
    expect(without.stdout).toContain('--backbone FILE');
    expect(without.stdout).not.toContain('has written no checkpoint');
    const given = await run('report', 'b', '-o', 'b.html', '--threads', '1', '--backbone', 'backbone.mjs');
    expect(given.stdout).not.toContain('--backbone');
  });
});

it('a plan and a repetition name the file of a module that fails, as a training does', async () => {
  const failing = moduleFiles['backbone.mjs']!.replace('let x = images;', 'let x = nn.relu();');
  await writeFiles(folder.path, { 'fails.mjs': failing });
  const said = /^dws: \S*fails\.mjs:\d+: nn\.relu\(x\): x is undefined/m;
  const ended = await Promise.all([
    run(...fresh, '--plan', '--out', 'planned', '--backbone', 'fails.mjs'),
    run(...fresh, '--plan', '--out', 'planned', '--backbone', 'backbone.mjs', '--image-size', '4'),
    run(...words('verify a --anyway --backbone fails.mjs --loss loss.mjs')),
  ]);
  for (const { code, stderr } of ended) {
    expect(code).not.toBe(0);
    expect(stderr).not.toContain('an error in dws itself');
  }
  const [planned, small, verified] = ended as [(typeof ended)[0], (typeof ended)[0], (typeof ended)[0]];
  expect(planned.stderr).toMatch(said);
  expect(small.stderr).toMatch(
    /backbone\.mjs: the backbone tiny can't take --image-size 4: the smallest images it can take/,
  );
  expect(verified.stderr).toMatch(said);
});

describe('what a module does where it is loaded', () => {
  const help = (file: string) => run('train', '--help', '--loss', file);

  it('may leave a timer running: the command ends when it is done', async () => {
    await writeFiles(folder.path, { 'timer.mjs': `setInterval(() => {}, 1000);\n${moduleFiles['loss.mjs']!}` });
    const { code, stdout, stderr } = await help('./timer.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/--lr-axis-scale[^]*--start[^]*\n$|--start[^]*--lr-axis-scale[^]*\n$/);
  });

  it('may not wait for what never comes', async () => {
    await writeFiles(folder.path, { 'never.mjs': 'await new Promise(() => {});\nexport default {};\n' });
    const { code, stdout, stderr } = await help('./never.mjs');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^dws: --loss: \S*never\.mjs can't be loaded: an await at its top level waits for what never comes\n$/,
    );
  });
});

describe('a file runs nothing', () => {
  type Json = Record<string, unknown> & {
    segments: { options: Record<string, unknown>; modules: { path: string }[] }[];
  };

  /** A copy of run `a` as somebody may have made it. */
  async function downloaded(name: string, edit: (record: Json) => void, metadata?: object) {
    await cp(at('a'), at(name), { recursive: true });
    await rm(at(name, 'best.safetensors'));
    const record = JSON.parse(await readFile(at(name, 'run.json'), 'utf8')) as Json;
    record.segments.forEach(() => edit(record));
    await writeFile(at(name, 'run.json'), JSON.stringify(record));
    if (!metadata) return;
    const file = at(name, 'checkpoint.safetensors');
    // In a process of its own: the test runner's loader is not Node.js's.
    const script = `
      import { loadModules } from '${built('runner/modules/load.js')}';
      import { loadCheckpoint, saveCheckpoint } from '${built('runner/checkpoints/checkpoint.js')}';
      import { describeNetwork, describeState } from '${built('graph/step/describe.js')}';
      const [file, backbone, loss] = process.argv.slice(1);
      const { state, metadata } = await loadCheckpoint(file);
      const { definitions } = await loadModules({ backbone: { path: backbone }, loss: { path: loss } });
      const layout = describeNetwork(metadata.options, definitions);
      const tensors = describeState(metadata.options, layout, definitions);
      const said = { ...metadata, ...${JSON.stringify(metadata)} };
      for (const key of ['options', 'runOptions']) said[key] = { ...metadata[key], ...said[key] };
      await saveCheckpoint(file, { layout, state, tensors, metadata: said });`;
    const args = ['--input-type=module', '-e', script, file, at('backbone.mjs'), at('loss.mjs')];
    await promisify(execFile)(process.execPath, args);
  }

  const commands = (name: string): string[][] => [
    words(`train --data-path data --workers 0 --resume ${name}/checkpoint.safetensors --out ${name}-out`),
    words(`train --data-path data --workers 0 --resume auto --out ${name}`),
    words(`verify ${name}`),
    words(`diff ${name} a`),
    words(`report ${name} -o ${name}.html --threads 1`),
    words(`eval --checkpoint ${name}/checkpoint.safetensors --data-path data --threads 1`),
    words(`export --checkpoint ${name}/checkpoint.safetensors -o ${name}.onnx`),
  ];

  it.each(['paths', 'options'])('whatever module it names: %s', async (kind) => {
    await downloaded(kind, ({ segments }) => {
      for (const { options, modules } of segments) {
        if (kind === 'options') {
          Object.assign(options, { loss: './trap.mjs', sampling: './trap.mjs', optimizer: './trap.mjs' });
          continue;
        }
        Object.assign(options, { modules: { loss: { path: '../trap.mjs' }, backbone: { path: at('trap.mjs') } } });
        modules.forEach((module, i) => (module.path = i === 0 ? at('trap.mjs') : '../trap.mjs'));
      }
    });
    const ended = await Promise.all(commands(kind).map((args) => run(...args)));
    expect(existsSync(at('trace'))).toBe(false);
    expect(ended.map(({ stderr }) => stderr).join('')).not.toContain('an error in dws itself');
    const [resumed, auto, verified] = ended;
    for (const { stderr } of [resumed!, auto!]) expect(stderr).toMatch(/name that module with --backbone FILE\.\n$/);
    if (kind === 'paths')
      expect(verified!.stderr).toMatch(
        /run only if the command line names them: add --backbone \S+ --loss \S*trap\.mjs\n$/,
      );
    expect(verified!.code).toBe(1);
  });

  it('also not by the values of options that it has recorded', async () => {
    const evil = { backbone: at('trap.mjs'), loss: at('trap.mjs'), out: at('elsewhere'), resume: 'x', modules: 'x' };
    await downloaded('poisoned', () => undefined, {
      options: { lossOptions: { start: 1.5, ...evil }, samplingOptions: evil },
      runOptions: { lossRates: { edge: 0.01, axis_scale: 0.002, out: 1 } },
    });
    const go = await run(
      ...words('train --data-path data --workers 0 --epochs 3 --resume poisoned/checkpoint.safetensors'),
      ...lossRun,
    );
    expect(go.stderr).toBe('');
    expect(existsSync(at('trace'))).toBe(false);
    expect(existsSync(at('elsewhere'))).toBe(false);
  });
});

describe('names and options', () => {
  it("help has a module's own options", async () => {
    const { stdout } = await run('train', '--loss=./loss.mjs', '--help');
    expect(stdout).toMatch(/--start <number> +initial boundary \(default: 1\)/);
    expect(stdout).toMatch(/--sharp +squares what is pushed/);
    expect(stdout).toMatch(/--shape <text> +form of the push \(default: "flat"\)/);
    expect(stdout).toMatch(/--lr-axis-scale <number> +learning rate of axis_scale \(default: 0\.003\)/);
    expect(stdout).not.toContain('--margin');
  });

  it('their values are checked, and errors name the option', async () => {
    const said: [args: string[], said: RegExp][] = [
      [['--start', '0'], /option '--start <number>' argument '0' is invalid\. Give a number: above 0, at most 4\./],
      [['--start', 'x'], /option '--start <number>' argument 'x' is invalid/],
      [['--shape', 'round'], /option '--shape <text>' argument 'round' is invalid\. Give one of flat, steep\./],
      [['--lr-edge', '-1'], /option '--lr-edge <number>' argument '-1' is invalid\. Give a number: 0 or more\./],
      [['--margin', '1'], /unknown option '--margin'\. It belongs to the loss margin/],
      [['--loss'], /option '--loss <name>' argument missing/],
    ];
    await writeFile(at('lines.json'), JSON.stringify(said.map(([args]) => [...small, '--loss', 'loss.mjs', ...args])));
    const script = fileURLToPath(new URL('../helpers/run-many.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, folder.path, at('lines.json')]);
    const ended = JSON.parse(stdout.trim().split('\n').at(-1)!) as { message: string }[];
    ended.forEach(({ message }, i) => expect(message).toMatch(said[i]![1]));
  });

  it('paths may hold anything, lead through links, and end beside another copy of dws', async () => {
    const odd = 'a #b?c%20 d é';
    await mkdir(at(odd, 'node_modules', 'dws'), { recursive: true });
    await writeFiles(at(odd), {
      'node_modules/dws/package.json': '{"name":"dws","type":"module","exports":{".":"./x.js","./graph":"./x.js"}}',
      'node_modules/dws/x.js': 'throw new Error("another copy");\n',
      'x#?%41 é.mjs': 'import "dws";\nexport { default } from "../loss.mjs";\n',
    });
    await symlink(at(odd, 'x#?%41 é.mjs'), at('link.mjs'));
    // A link's relative imports are those of the file that it leads to.
    for (const name of [path.join(odd, 'x#?%41 é.mjs'), './link.mjs']) {
      const { stdout, stderr } = await run('train', '--loss', name, '--help');
      expect(stderr).toBe('');
      expect(stdout).toContain('--start <number>');
    }
  });
});
