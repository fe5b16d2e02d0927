// Which room may import which: the order of the lists below. `npm run check` holds it, and a test ARCHITECTURE.md's drawing of it.

/** What lies on each floor of a house, the lowest first. It imports from the floors below its own, types included, and nothing else. */
export const floors = {
  'src/': [
    ['graph', 'report-page'],
    ['runner', 'web'],
    ['cli', 'index.ts'],
  ],
  'src/runner/': [
    ['base'],
    ['onnx-files'],
    ['modules', 'ranks'],
    ['options', 'formats', 'data', 'prepare'],
    ['compute', 'checkpoints', 'weights', 'data-sets'],
    ['pretrained', 'evaluation', 'survey', 'cuda'],
    ['training', 'web-folder'],
    ['tensorboard', 'reproduce', 'shipping'],
    ['jobs', 'report'],
    ['index.ts'],
  ],
  'src/graph/': [
    ['known-names.ts', 'image-whole.ts'],
    ['declarations.ts', 'preprocessing.ts'],
    ['options.ts'],
    ['onnx'],
    ['lowerings'],
    ['operators'],
    ['builder'],
    ['ops', 'state'],
    ['nn'],
    ['models', 'samplings', 'optimizers'],
    ['imported'],
    ['losses'],
    ['parts'],
    ['step'],
    ['artifacts'],
    ['index.ts'],
  ],
};

/** Houses whose floors are not held yet. */
const notHeld = [];

/** What has no place in a house: it runs in browsers, or in programs without the command line. */
const withoutPackages = {
  'src/graph/': ['onnxruntime-'],
  'src/report-page/': ['onnxruntime-'],
  'src/web/': ['onnxruntime-node'],
  'src/runner/': ['commander'],
};
const withoutNode = ['src/graph/', 'src/report-page/', 'src/web/'];

/** The start of a room's paths, or the path of a file that stands for itself. */
const place = (name) => (name.endsWith('.ts') ? `${name.replace('.', '\\.')}$` : `${name}/`);
const anyOf = (names) => `(${names.map(place).join('|')})`;

const rule = (name, from, to) => ({ name, severity: 'error', from, to });

/** @param storeys as in `floors` */
export function floorRules(house, storeys) {
  const perRoom = storeys.flatMap((floor, level) => {
    const below = storeys.slice(0, level).flat();
    return floor.map((room) =>
      rule(
        `${house}${room} imports ${below.join(', ') || 'nothing'}`,
        { path: `^${house}${place(room)}` },
        { path: `^${house}`, pathNot: `^${house}${anyOf([room, ...below])}` },
      ),
    );
  });
  const all = `^${house}${anyOf(storeys.flat())}`;
  return [...perRoom, rule(`${house} has a floor for it`, { path: `^${house}`, pathNot: all }, {})];
}

const isConfig = 'vite\\.config\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(floors)
      .filter(([house]) => !notHeld.includes(house))
      .flatMap(([house, storeys]) => floorRules(house, storeys)),
    ...Object.entries(withoutPackages).map(([house, names]) =>
      rule(
        `${house} does without ${names.join(', ')}`,
        { path: `^${house}`, pathNot: isConfig },
        { path: `node_modules/(${names.join('|')})` },
      ),
    ),
    ...withoutNode.map((house) =>
      rule(`${house} does without Node.js`, { path: `^${house}`, pathNot: isConfig }, { dependencyTypes: ['core'] }),
    ),
    rule(
      'src/cli loads actions when they run',
      { path: '^src/cli/', pathNot: '^src/cli/actions/' },
      { path: '^src/cli/actions/', dynamic: false },
    ),
    rule('no circles of files', { path: '^src/', pathNot: notHeld }, { circular: true }),
    rule('what is imported is there', {}, { couldNotResolve: true }),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
