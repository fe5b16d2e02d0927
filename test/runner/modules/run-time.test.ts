/** Modules in a program, and nodes of theirs that ONNX Runtime can't run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { moduleFiles } from '../../helpers/modules.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);
const built = (file: string) => new URL(`../../../dist/${file}`, import.meta.url).href;

/** A loss that fails once its parameter, which grows by 1 in each step, is 4. */
const failing = `import { defineLoss } from 'dws/graph';
const rows = (g, x, at) =>
  g.op('Gather', [x, at], { axis: 0 });
export default defineLoss({ name: 'failing', options: {}, create: () => ({
  takes: 'nothing',
  parameters: [{ name: 'count', shape: [], init: { kind: 'constant', value: 0 }, learns: true, learningRate: 1, optimizer: [] }],
  loss(g, { embeddings, parameters: { count } }) {
    const at = g.op('Cast', [g.stopGradient(count)], { to: 'int32' });
    const first = g.op('ReduceMean', [rows(g, embeddings, at)], { keepdims: 0 });
    return { loss: g.op('Sub', [first, count]), statistics: {} };
  },
}) });
`;

/** A sampling whose negatives lie behind the batch, which shows only while the graph runs. */
const beyond = `import { classMates, everyRow } from 'dws/graph';
export default { name: 'beyond', options: {}, create: () => ({ kind: 'triplets', sample(g, { embeddings, batchK }) {
  const [n] = embeddings.shape;
  const length = g.op('ReduceSum', [g.op('Mul', [embeddings, embeddings]), g.ints([1])]);
  const negatives = g.op('Cast', [g.op('Floor', [g.op('Add', [length, g.scalar(8.5)])])], { to: 'int32' });
  return { kind: 'triplets', anchors: everyRow(n), positives: classMates(n, batchK), negatives };
} }) };
`;

/** A loss of triplets that takes rows of negatives in line 3. */
const ofTriplets = `import { defineLoss } from 'dws/graph';
const rows = (g, x, at) =>
  g.op('Gather', [x, at], { axis: 0 });
export default defineLoss({ name: 'of-triplets', options: {}, create: () => ({ takes: 'triplets',
  loss: (g, { embeddings, tuples }) =>
    ({ loss: g.op('ReduceMean', [rows(g, embeddings, tuples.negatives)], { keepdims: 0 }), statistics: {} }),
}) });
`;

/** Runs a script with what it needs of the built package, and returns what it prints. */
async function script(body: string): Promise<string> {
  const text = `
    import { train } from '${built('runner/index.js')}';
    import { loadModules } from '${built('runner/modules/load.js')}';
    import { writeFileSync } from 'node:fs';
    const options = ${JSON.stringify({ dataPath: at('data'), ...plain })};
    const hooks = { onEvent() {}, signal: new AbortController().signal };
    const said = async (change) => {
      try { await train({ ...options, ...change }, hooks); return 'nothing'; }
      catch (error) { return error.name + ' ' + error.message; }
    };
    ${body}`;
  await writeFiles(folder.path, { 'script.mjs': text });
  const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd: folder.path });
  return stdout;
}

const plain = {
  ...{ featDim: 8, embedDim: 4, imageSize: 32, batchSize: 4, batchK: 2, batchNum: 8 },
  ...{ margin: 0.2, nu: 0, beta: 1.2, normalizeWeights: false, freezeBn: false, backboneLrMult: 1, optimizer: 'sgd' },
  ...{ momentum: 0, weightDecay: 0, lr: 1e-3, lrBeta: 0, factor: 0.5, steps: [], epochs: 1, startEpoch: 0, seed: 7 },
  ...{ savePrefix: '', printFreq: 1, keep: 0, skipBad: false, smallClasses: 'error', resize: 'stretch', workers: 0 },
  ...{ cache: 'none', device: 'cpu', deviceId: 0, threads: 1, checkpointEvery: 2, stepsPerRun: 1 },
};

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(folder.path, {
    ...moduleFiles,
    'failing.mjs': failing,
    'beyond.mjs': beyond,
    'of-triplets.mjs': ofTriplets,
  });
});

it('a node that can not be run names the line that made it, and the last checkpoint', async () => {
  const modules = `{ backbone: { path: 'backbone.mjs' }, loss: { path: 'failing.mjs' } }`;
  const said = await script(`console.log(await said({ out: 'failing', modules: ${modules} }));`);
  expect(said.trim()).toBe(
    `ModuleError ${at('failing.mjs')}:3: ONNX Runtime can't run the node Loop/loss/Gather: indices element out of data ` +
      `bounds, idx=4 must be within the inclusive range [-4,3]. The last checkpoint is kept: ` +
      `${path.join('failing', 'checkpoint.safetensors')} (step 4).`,
  );
  expect(existsSync(at('failing/checkpoint.safetensors'))).toBe(true);
});

it('an index that no row has names the sampling that has chosen it, whosever loss takes it', async () => {
  const own = "backbone: { path: 'backbone.mjs' }, sampling: { path: 'beyond.mjs' }";
  const said = await script(`
    console.log(await said({ out: 'beyond', modules: { ${own} } }));
    console.log(await said({ out: 'beyond-own', modules: { ${own}, loss: { path: 'of-triplets.mjs' } } }));`);
  const [margin, ofOwn] = said.trim().split('\n') as [string, string];
  expect(margin).toMatch(
    /^ModuleError \S*beyond\.mjs: ONNX Runtime can't run the node Loop\/loss\/Gather\S*: indices .*idx=9 /,
  );
  expect(ofOwn).toMatch(
    /^ModuleError \S*of-triplets\.mjs:3: ONNX Runtime can't run .* idx=9 .*those of the sampling \S*beyond\.mjs\./,
  );
});

it('a program names modules, their options and rates; what they do not have is an error', async () => {
  const modules = `modules: { backbone: { path: 'backbone.mjs' }, loss: { path: 'loss.mjs' } }, batchNum: 1`;
  const lines = await script(`
    console.log(await said({ out: 'p0', ${modules}, lossOptions: { start: 2 }, lossRates: { edge: 0.5 } }));
    console.log(await said({ out: 'p1', ${modules}, lossOptions: { strat: 2 } }));
    console.log(await said({ out: 'p2', ${modules}, lossOptions: { start: 9 } }));
    console.log(await said({ out: 'p3', ${modules}, lossRates: { edges: 0.5 } }));
    console.log(await said({ out: 'p4', ${modules}, lossOptions: 'x' }));
    console.log(await said({ out: 'p5', lossOptions: { start: 2 } }));
    console.log(await said({ out: 'p6', ${modules.replace('loss:', 'lost:')} }));`);
  const [fine, unknown, bound, rate, text, none, part] = lines.trim().split('\n');
  expect(fine).toBe('nothing');
  expect(unknown).toMatch(/^UserError --strat: there is no such option; known: --start, --sharp, --shape$/);
  expect(bound).toMatch(/^UserError --start 9: give a number: above 0, at most 4\.$/);
  expect(rate).toMatch(/^UserError learning rate of edges: the loss has edge, axis_scale\.$/);
  expect(text).toMatch(/^UserError --(loss-options .*: give values by name|0: there is no such option)/);
  expect(none).toMatch(/^UserError --loss-options/);
  expect(part).toMatch(/^UserError .*lost/);
});

it('a file that has changed between two calls is another module, also one that is imported', async () => {
  const printed = await script(`
    const widths = [];
    for (const width of [8, 9]) {
      writeFileSync('w.mjs', 'export const w = ' + width + ';');
      writeFileSync('named.mjs', 'import { w } from "./w.mjs"; export default { name: "w" + w, options: {}, create() {} };');
      widths.push((await loadModules({ loss: { path: 'named.mjs' } })).definitions.loss.name);
    }
    console.log(widths.join(' '));`);
  expect(printed.trim()).toBe('w8 w9');
});
