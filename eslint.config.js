import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const graphIsPure = {
  files: ['src/graph/**/*.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { group: ['node:*', 'onnxruntime-*', '**/runner/**', '**/cli/**', '**/web/**'], message: 'src/graph is pure.' },
        ],
      },
    ],
    'no-restricted-globals': ['error', 'process', 'Buffer', 'require', '__dirname', 'setImmediate'],
  },
};

/** Imports point one way: cli -> runner -> graph, web -> graph. */
const rooms = {
  files: ['src/**/*.ts'],
  rules: {
    'import-x/no-restricted-paths': [
      'error',
      {
        zones: [
          { target: './src/graph', from: ['./src/runner', './src/cli', './src/web'] },
          { target: './src/runner', from: ['./src/cli', './src/web'] },
          { target: './src/web', from: ['./src/runner', './src/cli'] },
        ],
      },
    ],
    'import-x/no-cycle': 'error',
  },
  plugins: { 'import-x': importX },
  settings: { 'import-x/resolver-next': [importX.createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })] },
};

export default tseslint.config(
  { ignores: ['.cache/', 'dist/', 'build/', 'node_modules/', 'artifacts/', 'data/', 'runs/', '.gpu/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  rooms,
  graphIsPure,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  { rules: { '@typescript-eslint/consistent-type-imports': 'error', eqeqeq: 'error' } },
);
