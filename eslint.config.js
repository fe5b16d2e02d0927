import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** The graph room is pure; .dependency-cruiser.mjs holds the same of its imports. */
const graphGlobals = {
  files: ['src/graph/**/*.ts'],
  rules: {
    'no-restricted-globals': ['error', 'process', 'Buffer', 'require', '__dirname', 'setImmediate'],
  },
};

/** A list of more than about 120,000 arguments ends in "Maximum call stack size exceeded": no array of unknown length becomes one. */
const noListsAsArguments = {
  files: ['src/**/*.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      {
        selector:
          'CallExpression[callee.property.name=/^(push|unshift|splice|concat|append|max|min|fromCharCode|fromCodePoint)$/] > SpreadElement',
        message: 'A long array overflows the stack as arguments: loop over it, or reduce it.',
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['.cache/', 'dist/', 'build/', 'docs/api/', 'node_modules/', 'artifacts/', 'data/', 'runs/', '.gpu/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  graphGlobals,
  noListsAsArguments,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  { rules: { '@typescript-eslint/consistent-type-imports': 'error', eqeqeq: 'error' } },
);
