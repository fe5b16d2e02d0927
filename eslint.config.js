import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Imports point one way: cli -> runner -> graph, web -> graph. */
const room = (name, forbidden, message) => ({
  files: [`src/${name}/**/*.ts`],
  ignores: ['**/vite.config.ts'],
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: forbidden, message }] }] },
});
const rooms = [
  room('graph', ['node:*', 'onnxruntime-*', '**/runner/**', '**/cli/**', '**/web/**'], 'src/graph is pure.'),
  room('runner', ['commander', '**/cli/**', '**/web/**'], 'src/runner knows neither the command line nor the web.'),
  room('report-page', ['node:*', 'onnxruntime-*', '**/runner/**', '**/cli/**'], 'src/report-page runs in browsers.'),
  room('web', ['node:*', 'onnxruntime-node', '**/runner/**', '**/cli/**'], 'src/web runs in browsers.'),
];
const graphGlobals = {
  files: ['src/graph/**/*.ts'],
  rules: {
    'no-restricted-globals': ['error', 'process', 'Buffer', 'require', '__dirname', 'setImmediate'],
  },
};

export default tseslint.config(
  { ignores: ['.cache/', 'dist/', 'build/', 'node_modules/', 'artifacts/', 'data/', 'runs/', '.gpu/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  ...rooms,
  graphGlobals,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  { rules: { '@typescript-eslint/consistent-type-imports': 'error', eqeqeq: 'error' } },
);
