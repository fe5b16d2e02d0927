/** What modules can get wrong: each is one line that names the module's file, and nothing of a run is written. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { moduleFiles } from '../../helpers/modules.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const script = fileURLToPath(new URL('../../helpers/run-many.mjs', import.meta.url));

const fine = `return { loss: g.op('ReduceMean', [g.op('Mul', [embeddings, embeddings])], { keepdims: 0 }), statistics: {} };`;
const withStatistics = (statistics: string) => fine.replace('statistics: {}', `statistics: ${statistics}`);

/** A loss whose function has this body, in line 4. */
const loss = (body: string, { parameters = '[]', options = '{}' } = {}) => `import { defineLoss } from 'dws/graph';
export default defineLoss({ name: 'x', options: ${options}, create: () => ({ takes: 'nothing', parameters: ${parameters},
  loss(g, { embeddings, labels, parameters }) {
    ${body}
  } }) });
`;
const parameter = (own: string) =>
  loss(fine, {
    parameters: `[{ name: 'p', shape: [], init: { kind: 'constant', value: 1 }, learns: true, learningRate: 0.1, ${own} }]`,
  });
const exported = (fields: string) => `export default { name: 'x', options: {}, ${fields} };\n`;
const creating = (made: string) => exported(`create: () => (${made})`);
const option = (declared: string) => loss(fine, { options: `{ ${declared} }` });
const sampling = (sample: string, more = '') => creating(`{ kind: 'pairs', ${more} sample: (g) => (${sample}) }`);
/** A sampling of triplets: mates as positives and negatives, but for these fields. */
const triplets = (fields: string) => `import { classMates, everyRow } from 'dws/graph';
export default { name: 'x', options: {}, create: () => ({ kind: 'triplets', sample(g, { embeddings, batchK }) {
  const [n] = embeddings.shape; const mates = classMates(n, batchK);
  return { kind: 'triplets', anchors: everyRow(n), positives: mates, negatives: mates, ${fields} };
} }) };
`;
const rules = (chain: string) => `import { adamAverages, momentum } from 'dws/graph';
${creating(chain)}`;
const convolution = (options: string) =>
  backbone(`nn.linear('fc', nn.flatten(nn.conv2d('c', images, ${options})), { out })`);
const backbone = (features: string) =>
  creating(`{ lastLayer: 'fc', imageSize: 32, smallest: 8, features: (nn, images, out) => ${features} }`);

type Kind = 'loss' | 'sampling' | 'optimizer' | 'backbone';

/** Name -> source of the module (none for a file that is missing), and what is said behind its path. */
const wrong: Record<Kind, Record<string, [source: string | undefined, said: RegExp]>> = {
  loss: {
    gone: [undefined, /: no such file/],
    'syntax-at-the-end': ['export default {\n  a: [1,\n};\n', /:3 can't be loaded: Unexpected token '}'$/],
    syntax: ['export default {\n  a: ;\n};\n', /:2 can't be loaded: Unexpected token ';'/],
    'imports-gone': ['export { default } from "./nowhere.mjs";\n', / imports: no such file/],
    'imports-package': ['export { default } from "no-such-package";\n', / can't be loaded: Cannot find package/],
    computed: ['await import("./a" + ".mjs");\nexport default {};\n', / is no module that can be read: /],
    'no-default': ['export const x = 1;\n', / brings no loss: it has no default export/],
    'no-name': ['export default { options: {}, create() {} };\n', /: its name is no short word/],
    'odd-name': ['export default { name: "a\\n", options: {}, create() {} };\n', /: its name is no short word/],
    'no-options': ['export default { name: "x", create() {} };\n', /: it has no options/],
    'no-create': ['export default { name: "x", options: {} };\n', /: it has no function create/],
    throws: ['\nthrow new Error("at\\nimport");\n', /:2: at import$/],
    'throws-null': ['throw null;\n', / can't be loaded: null$/],
    'create-throws': [exported('\ncreate() { throw new Error("no"); }'), /:2: no$/],
    'create-nothing': [exported('create() {}'), /: create returns undefined instead of an object$/],
    'create-async': [exported('async create() {}'), /: create returns a Promise/],
    'create-takes': [creating('{ takes: "quads", loss() {} }'), /: what create returns has takes "quads"; known: /],
    'create-no-loss': [creating('{ takes: "nothing" }'), /: what create returns has no function loss$/],
    'loss-throws': [loss('throw new TypeError("inside");'), /:4: inside$/],
    'loss-throws-text': [loss('throw "inside";'), /: inside$/],
    'loss-nothing': [loss(''), /: a loss returns \{ loss, statistics \}/],
    'loss-async': [loss(fine).replace('loss(g', 'async loss(g'), /: a loss returns a Promise/],
    'loss-vector': [
      loss('return { loss: embeddings, statistics: {} };'),
      /: the loss has the shape \[4, 4\]: it must be a scalar, of shape \[\]; g\.op\('ReduceMean'/,
    ],
    'loss-constant': [
      loss('return { loss: g.scalar(1), statistics: {} };'),
      /: the loss does not depend on the embeddings: nothing that it is made of comes from them/,
    ],
    'loss-key': [
      creating('{ takes: "nothing", parametres: [], loss() {} }'),
      /: what create returns: nothing takes parametres\. Did you mean parameters\? Known: takes, parameters, loss$/,
    ],
    'values-misspelt': [
      loss(fine, { options: "{ scale: { default: 2, description: 'x' } }" })
        .replace('create: ()', 'create: (values)')
        .replace(fine, `g.scalar(values.scle); ${fine}`),
      /:4: values has no scle; there are: scale \(the options of the definition\)\. Did you mean scale\?$/,
    ],
    'scalar-undefined': [
      loss(`g.scalar({}.scale); ${fine}`),
      /:4: a constant of float32 is undefined, a name that is misspelt\?: give finite numbers/,
    ],
    output: [
      loss(`g.output('x', embeddings); ${fine}`),
      /:4: g\.output\('x'\): a part of a training adds nothing that/,
    ],
    'no-statistics': [loss(fine.replace(', statistics: {}', '')), /: a loss returns \{ loss, statistics \}/],
    'null-statistics': [loss(withStatistics('null')), /: a loss returns \{ loss, statistics \}/],
    'taken-statistic': [loss(withStatistics('{ recall: g.scalar(1) }')), /: statistic recall: the name is taken/],
    'made-statistic': [loss(withStatistics('{ lr_x: g.scalar(1) }')), /: statistic lr_x: the name is taken/],
    'loss-of-labels': [
      loss(`const all = g.op('Cast', [labels], { to: 'float32' });
        return { loss: g.op('ReduceMean', [all], { keepdims: 0 }), statistics: {} };`),
      /: the loss does not depend on the embeddings: /,
    ],
    'loss-of-guesses': [
      loss(`const all = g.op('Cast', [g.op('ArgMax', [embeddings], { axis: 1 })], { to: 'float32' });
        return { loss: g.op('ReduceMean', [all], { keepdims: 0 }), statistics: {} };`),
      /: the loss does not depend on base_net\.\S+: no gradient passes ArgMax at loss$/,
    ],
    'loss-of-one': [
      loss(`return { loss: g.op('ReduceMean', [embeddings]), statistics: {} };`),
      /: the loss has the shape \[1, 1\]: it must be a scalar, of shape \[\]; reshape\(g, x, \[\]\) makes it so/,
    ],
    'loss-of-vector-parameter': [
      parameter('shape: [1]').replace(
        fine,
        "return { loss: g.op('Mul', [g.op('ReduceMean', [embeddings], { keepdims: 0 }), parameters.p]), statistics: {} };",
      ),
      /: the loss has the shape \[1\].* a parameter of one number has the shape \[\]$/,
    ],
    'loss-whole': [
      loss(`const whole = g.op('Cast', [g.op('ReduceMean', [embeddings], { keepdims: 0 })], { to: 'int32' });
        return { loss: whole, statistics: {} };`),
      /: the loss is int32: it must be float32$/,
    ],
    'statistic-bool': [
      loss(withStatistics("{ far: g.op('Greater', [g.scalar(1), g.scalar(0)]) }")),
      /: the statistic far is bool: it must be float32 or int32/,
    ],
    'statistic-vector': [loss(withStatistics('{ all: embeddings }')), /: the statistic all has the shape \[4, 4\]/],
    'statistic-of-parameter': [
      parameter('').replace('statistics: {}', 'statistics: { p_now: g.scalar(1) }'),
      /: statistic p_now: names that begin with p_ are kept for .* the parameter p .* such as now_p_now$/,
    ],
    'statistic-as-parameter': [
      parameter('').replace('statistics: {}', 'statistics: { p: g.scalar(1) }'),
      /: statistic p: a parameter is called so; .* such as now_p$/,
    ],
    'names-of-context': [
      parameter('').replace('create: () =>', 'create: (_, { classes }) =>').replace("name: 'p'", 'name: `p${classes}`'),
      /: its parameters are called p\d+ in this training, and p100 with 100 classes: names must depend neither/,
    ],
    random: [
      loss(fine.replace('[embeddings, embeddings]', '[embeddings, g.scalar(Math.random())]')),
      /:4: the graph is another one each time, first in the node Loop\/loss\/Mul\. .*Math\.random\(\)/,
    ],
    'random-once': [
      `const once = Math.random();\n${loss(fine.replace('[embeddings, embeddings]', '[embeddings, g.scalar(once)]'))}`,
      /:5: the graph is another one each time, first in the node Loop\/loss\/Mul\./,
    ],
    'random-init': [
      parameter("init: { kind: 'constant', value: Math.random() }").replace(
        '[embeddings, embeddings]',
        '[embeddings, parameters.p]',
      ),
      /: shapes or first values of its state are others each time\. .*from its init\.$/,
    ],
    'no-parameter': [
      loss("g.op('Add', [embeddings, parameters.edge]);"),
      /:4: parameters has no edge; there are: nothing \(what create returns as parameters\)$/,
    ],
    'no-g': [
      loss('add(embeddings, embeddings);').replace('defineLoss }', 'add, defineLoss }'),
      /:4: add\(g, a, b\): its first argument is the g that a part is given/,
    ],
    'axes-plain': [
      loss('g.op("ReduceSum", [embeddings, [1]]);'),
      /:4: ReduceSum at loss: \[1\] is no value of a graph: write g\.ints\(\[1\]\) for axes/,
    ],
    'value-missing': [loss('g.op("Relu", [undefined]);'), /:4: Relu at loss: undefined is no value of a graph: a name/],
    pairs: [
      loss(fine).replace("takes: 'nothing'", "takes: 'pairs'"),
      /: the loss takes pairs, and the sampling distance-weighted gives triplets: none that is here gives pairs; bring one with --sampling FILE/,
    ],
    'unknown-operator': [
      loss('g.op("Unique", [embeddings]);'),
      /:4: there is no operator Unique here: docs\/operators\.md lists those that there are/,
    ],
    'prototype-operator': [loss('g.op("constructor", [embeddings]);'), /:4: there is no operator constructor/],
    'no-gradient': [
      loss(`const loss = g.op('ReduceMean', [g.op('Floor', [embeddings])], { keepdims: 0 });
        return { loss, statistics: {} };`),
      /(:4)?: .*(gradient|does not depend)/,
    ],
    'no-list': [loss('g.op("Relu", embeddings);'), /:4: Relu at loss: its inputs must be a list of values/],
    'no-value': [
      loss('g.op("Add", [embeddings, 3]);'),
      /:4: Add at loss: 3 is no value of a graph: write g.scalar\(3\)/,
    ],
    'no-fit': [loss('g.op("Reshape", [embeddings, g.ints([7])]);'), /:4: Reshape\(.*cannot be reshaped to \[7\]$/],
    'parameters-object': [loss(fine, { parameters: '{}' }), /: a loss's parameters are a list$/],
    'parameter-unused': [parameter(''), /: the loss does not depend on the parameter p: /],
    'parameter-nameless': [parameter('name: undefined'), /: a parameter's name is undefined/],
    'parameter-upper': [parameter("name: 'Abc'"), /: state Abc: names are lower-case letters/],
    ...Object.fromEntries(
      ['params', 'images', 'momentum', 'lr', 'lr_x', 'x_out', 'weights'].map((name): [string, [string, RegExp]] => [
        `parameter-${name}`,
        [parameter(`name: '${name}'`), new RegExp(`: state ${name}: the name is taken`)],
      ]),
    ),
    'parameter-init-negative': [
      parameter("init: { kind: 'uniform', bound: -1 }"),
      /: parameter p: bound of its init is -1: give a finite number of 0 or more$/,
    ],
    'parameter-infinite': [
      parameter("init: { kind: 'constant', value: 1 / 0 }"),
      /: parameter p: value of its init is Inf/,
    ],
    'parameter-nan': [parameter("init: { kind: 'normal', std: NaN }"), /: parameter p: std of its init is NaN/],
    'parameter-kind': [parameter("init: { kind: 'zeros' }"), /: parameter p: its init is of kind zeros/],
    'parameter-shape': [parameter('shape: [-1]'), /: parameter p has the shape \[-1\]/],
    'parameter-huge': [parameter('shape: [1e12]'), /: parameter p has the shape \[1000000000000\]/],
    'parameter-rate': [parameter('learningRate: NaN'), /: parameter p: learningRate is NaN/],
    'parameter-optimizer': [parameter('optimizer: {}'), /: an optimizer is a list of rules$/],
    'option-name': [option("A: { default: 1, description: 'x' }"), /: option A: names are camelCase/],
    'option-no': [option("noX: { default: false, description: 'x' }"), /: option noX: a name can't begin with no/],
    'option-text': [option('a: { default: 1 }'), /: option a has no description/],
    'option-control': [
      option("a: { default: 1, description: 'a\\u001b[31m' }"),
      /: option a: its description is no text in/,
    ],
    'option-default': [
      option("a: { default: 1, min: 2, description: 'x' }"),
      /: option a: its default must be a number/,
    ],
    'option-null': [option("a: { default: null, description: 'x' }"), /: option a: its default is null/],
    'option-key': [
      option("a: { default: 1, maximum: 2, description: 'x' }"),
      /: option a: nothing takes maximum\. Did you mean max\? Known: description, default, min, /,
    ],
    'option-key-of-text': [
      option("a: { default: 'x', min: 2, description: 'x' }"),
      /: option a: nothing takes min\. Known: description, default, oneOf$/,
    ],
    'definition-key': [
      exported('optoins: {}, create() {}'),
      /: what it exports: nothing takes optoins\. Did you mean options\? Known: name, options, create$/,
    ],
    'option-bound': [option("a: { default: 1, min: 'x', description: 'x' }"), /: option a: min is no number/],
    'option-list': [option("a: { default: 'x', oneOf: 1, description: 'x' }"), /: option a: oneOf is no list/],
    ...Object.fromEntries(
      ['epochs', 'help', 'version', 'resume', 'otherModules', 'deep'].map((name): [string, [string, RegExp]] => [
        `option-${name}`,
        [option(`${name}: { default: 1, description: 'x' }`), /: --[a-z-]+ is there already/],
      ]),
    ),
    'option-rate': [
      parameter("name: 'q'").replace('options: {}', "options: { lrQ: { default: 1, description: 'x' } }"),
      /: --lr-q is the learning rate of a parameter/,
    ],
  },
  sampling: {
    kind: [creating('{ kind: "lists", sample() {} }'), /: what create returns has kind "lists"/],
    'other-kind': [sampling('{}'), /: the loss takes triplets, and the sampling x gives pairs$/],
    nothing: [
      sampling('undefined').replace('pairs', 'triplets'),
      /: it says that it gives triplets, and returns undefined/,
    ],
    uniforms: [
      sampling('{}', 'uniforms: () => [0.5],').replace('pairs', 'triplets'),
      /: what uniforms returns has the shape/,
    ],
    range: [
      triplets('negatives: mates.map(() => [4])'),
      /: its negatives have the index 4: give whole numbers from 0 to 3, rows of the reference$/,
    ],
    ragged: [
      triplets('negatives: [[0], [1, 2], [3], [0]]'),
      /: its negatives have rows of 1 and 2 indices: give every row as many, 1 or more$/,
    ],
    'weights-of-one': [
      triplets('weights: g.scalar(1)'),
      /: its weights have the shape \[\]: they are \[4, 1\], one weight for each tuple$/,
    ],
  },
  optimizer: {
    object: [creating('{}'), /: an optimizer is a list of rules$/],
    'no-begin': [creating('[{}]'), /: what create returns has no function begin$/],
    'begin-nothing': [creating('[{ begin: () => undefined }]'), /: begin of a rule returns no function/],
    'step-nothing': [
      creating('[{ begin: () => () => undefined }]'),
      /: a rule returns undefined: it returns the next step/,
    ],
    'state-misspelt': [
      creating(
        '[{ vectors: ["v"], begin: (g, { state }) => (step) => ({ ...step, direction: g.op("Add", [state.w, step.direction]) }) }]',
      ),
      /:1: state has no w; there are: v \(the vectors and scalars of the rules\)$/,
    ],
    undeclared: [
      creating('[{ begin: () => (step) => ({ ...step, state: { v: step.direction } }) }]'),
      /: a rule returns the state v: declare it/,
    ],
    'momentum-of-nothing': [rules('[momentum()]'), /:2: momentum: rate is undefined: give a number$/],
    'adam-key': [
      rules('[adamAverages({ beta: 0.5 })]'),
      /:2: adamAverages: nothing takes beta\. Did you mean beta1\? Known: beta1, beta2, epsilon$/,
    ],
    'taken-vector': [
      creating('[{ vectors: ["params"], begin: () => (step) => step }]'),
      /: state params: the name is taken/,
    ],
  },
  backbone: {
    nothing: [backbone('undefined'), /: features returns \[undefined\] instead of \[images, 8\]$/],
    smallest: [
      backbone('images').replace('smallest: 8', 'smallest: 100'),
      /can't take --image-size 32: the smallest images it can take have 100 px$/,
    ],
    'conv-key': [
      convolution('{ out: 8, kernel: 3, strides: 2 }'),
      /:1: nn\.conv2d\(name, x, options\), c: nothing takes strides\. Did you mean stride\? Known: out, kernel, /,
    ],
    'conv-stride': [convolution('{ out: 8, kernel: 3, stride: 0 }'), /:1: .*, c: stride is 0: give a whole number/],
    shape: [backbone('images'), /: features returns \[3, 1, 32, 32\] instead of \[images, 8\]$/],
    'no-layer': [
      backbone('nn.sigmoid(images)'),
      /:1: nn has no sigmoid; there are: scope, channels, conv2d, .*docs\/backbone\.md/,
    ],
    'one-name-twice-shapes': [
      backbone(
        'nn.linear("fc", nn.flatten(nn.conv2d("c", nn.conv2d("c", images, { out: 8, kernel: 3 }), { out: 8, kernel: 3 })), { out })',
      ),
      /(:1)?: there are two layers base_net\.c, both with a base_net\.c\.weight: give each/,
    ],
    'one-name-twice-alike': [
      backbone(
        'nn.linear("fc", nn.flatten(nn.conv2d("c", nn.conv2d("c", images, { out: 3, kernel: 3 }), { out: 3, kernel: 3 })), { out })',
      ),
      /(:1)?: there are two layers base_net\.c, both with a base_net\.c\.weight: give each/,
    ],
    throws: [backbone('{ throw new Error("deep"); }'), /:1: deep$/],
    sizes: [creating('{ lastLayer: "fc", features() {}, imageSize: "x" }'), /: what create returns has imageSize x/],
    'last-layer': [
      backbone('nn.linear("head", nn.flatten(nn.adaptiveAvgPool2d(images, 1)), { out })'),
      /: the backbone has no layer fc/,
    ],
    'one-name-twice': [
      backbone('nn.linear("fc", nn.linear("fc", nn.flatten(images), { out }), { out })'),
      /(:1)?: there are two layers base_net\.fc, both with a base_net\.fc\.weight: give each/,
    ],
    init: [
      backbone(
        'nn.linear("fc", nn.flatten(nn.adaptiveAvgPool2d(images, 1)), { out, init: { kind: "constant", value: NaN } })',
      ),
      /:1: nn\.linear\(name, x, options\), fc, init: value of its init is NaN: give a finite number$/,
    ],
  },
};

const cases = Object.entries(wrong).flatMap(([kind, ofKind]) =>
  Object.entries(ofKind).map(([name, [source, said]]) => ({ kind, name, source, said, file: `${kind}-${name}.mjs` })),
);
const ended = new Map<string, { message: string; isUserError: boolean } | null>();

const lineOf = (kind: string, file: string) => [
  ...'train --data-path data --feat-dim 8 --embed-dim 4 --batch-size 4 --batch-k 2 --workers 0 --threads 1'.split(' '),
  ...`--image-size 32 --epochs 1 --batch-num 2 --quiet --out out-${file} --${kind} ${file}`.split(' '),
  ...(kind === 'backbone' ? [] : ['--backbone', 'backbone.mjs']),
];

async function runAll(lines: readonly string[][]): Promise<unknown[]> {
  const file = path.join(folder.path, 'lines.json');
  await writeFile(file, JSON.stringify(lines));
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder.path, file]);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as unknown[];
}

beforeAll(async () => {
  await writeImageFolder(path.join(folder.path, 'data'));
  const sources = cases.flatMap(({ file, source }) => (source === undefined ? [] : [[file, source]]));
  await writeFiles(folder.path, { ...moduleFiles, ...(Object.fromEntries(sources) as Record<string, string>) });
  await mkdir(path.join(folder.path, 'folder.mjs'));
  const results = await runAll(cases.map(({ kind, file }) => lineOf(kind, file)));
  cases.forEach(({ file }, i) => ended.set(file, results[i] as never));
});

it.each(cases)('$kind $name', ({ file, said }) => {
  const { message, isUserError } = ended.get(file)!;
  expect(message).toContain(path.join(folder.path, file));
  expect(message.slice(message.indexOf(file) + file.length).replace(/\. Write: export default .*/, '')).toMatch(said);
  expect(message).not.toContain('\n');
  expect(isUserError).toBe(true);
  expect(existsSync(path.join(folder.path, `out-${file}`))).toBe(false);
});

it('names without an ending, published weights, and options of what a module has taken the place of', async () => {
  const [noEnding, published, margin, other, noBackbone] = (await runAll([
    lineOf('loss', 'loss'),
    [...lineOf('loss', 'loss.mjs'), '--use-pretrained'],
    [...lineOf('loss', 'loss.mjs'), '--margin', '1'],
    [...lineOf('loss', 'loss.mjs'), '--lr-nothing', '1'],
    lineOf('backbone', './backbone'),
  ])) as { message: string }[];
  expect(noEnding!.message).toMatch(/Known: margin\. Did you mean the module \.\/loss\.mjs\?/);
  expect(published!.message).toMatch(
    /^--use-pretrained: there are no published weights of the backbone tiny, which .*backbone\.mjs/,
  );
  expect(margin!.message).toMatch(/'--margin'\. It belongs to the loss margin, in whose place a module stands\./);
  expect(other!.message).toMatch(/'--lr-nothing'\. .*The loss pull-push of .* has --start, .*--lr-axis-scale/);
  expect(noBackbone!.message).toMatch(/Did you mean \S*backbone\.mjs\?$/);
});

it('a folder, and options that two modules declare', async () => {
  await writeFiles(folder.path, { 'twice.mjs': moduleFiles['optimizer.mjs']!.replace('rate:', 'deep:') });
  const [isFolder, twice] = (await runAll([lineOf('loss', 'folder.mjs'), lineOf('optimizer', 'twice.mjs')])) as {
    message: string;
  }[];
  expect(isFolder!.message).toMatch(/folder\.mjs: it is a folder/);
  expect(twice!.message).toMatch(/twice\.mjs: --deep is there already/);
});
