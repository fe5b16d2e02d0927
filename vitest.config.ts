import { configDefaults, defineConfig } from 'vitest/config';

/** Of browsers, kills, repeated runs and whole pages of the documentation: what `npm test` has no time for, and leaves to `npm run bench -- tests`. */
const long = 'test/**/*.long.test.ts';

export default defineConfig(({ mode }) => ({
  test: {
    globalSetup: ['test/global-setup.ts'],
    ...(mode === 'long'
      ? { include: [long] }
      : { include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, long] }),
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}));
