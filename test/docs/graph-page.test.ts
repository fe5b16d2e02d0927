/** docs/graph.md and docs/backbone.md list what a module is written with, all of it and nothing else. */
import { describe, expect, it } from 'vitest';
import * as exported from '../../src/graph/index.js';
import { readText } from './pages.js';

const methodsOf = (made: { prototype: object }): string[] => {
  const described = Object.entries(Object.getOwnPropertyDescriptors(made.prototype));
  return described.map(([name]) => name).filter((name) => name !== 'constructor');
};

/** TypeScript's private methods are methods as well, and others are for this program alone: none of them is for modules. */
const inside = [
  ...['reshape', 'node', 'refuse', 'rowOf', 'infer', 'unique'],
  ...['madeFrom', 'during', 'recorded', 'isRecording', 'isTaken', 'requireOwn', 'closed', 'requireOpen'],
  ...['deterministic', 'isDivided'],
];

describe('docs/graph.md', () => {
  const page = readText('docs/graph.md');
  const code = [...page.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

  it('names every value that dws/graph exports', () => {
    const missing = Object.keys(exported).filter(
      (name) => !code.some((text) => new RegExp(`^${name}(\\(|$)`).test(text)),
    );
    expect(missing).toEqual([]);
  });

  it('names every method of g that is for modules', () => {
    const wanted = methodsOf(exported.GraphBuilder).filter((name) => !inside.includes(name));
    expect(wanted.filter((name) => !code.some((text) => new RegExp(`^g\\.${name}\\b`).test(text)))).toEqual([]);
  });

  it('names nothing that there is not', () => {
    const names = code.map((text) => /^(g\.)?(\w+)\(/.exec(text)).filter((found) => found !== null);
    expect(names.length).toBeGreaterThan(30);
    const methods = methodsOf(exported.GraphBuilder);
    const unknown = names.filter(([, of, name]) => !(of ? methods : Object.keys(exported)).includes(name!));
    expect(unknown.map(([text]) => text)).toEqual([]);
  });
});

it('docs/backbone.md names every layer of nn', () => {
  const page = readText('docs/backbone.md');
  const layers = methodsOf(exported.TrainingLayers);
  expect(layers.filter((name) => !new RegExp(`\`${name}(\\(|\`)`).test(page))).toEqual([]);
});
