import { describe, expect, it } from 'vitest';
import { nodeCount } from '../../bench/models/graph.js';
import type { Measured } from '../../bench/models/measure.js';
import { tableFormats } from '../../bench/models/table.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';

const measured: Measured = {
  ...{ model: 'resnet18', batch: 10, size: 224, threads: 2, parameters: 11_504_000, nodes: 1234 },
  ...{ artifact_bytes: 250_000, session_s: 0.5, step_s: 1.25, peak_mib: 1100, peer_step_s: 1, peer_peak_mib: 900 },
  ...{ step_ratio: 1.25, memory_ratio: 1.2222, rounds: [] },
};

it('nodes inside a Loop are counted too', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'float32', [2]);
  const once = (builder: GraphBuilder, y: typeof x) => builder.op('Add', [y, y]);
  const { carried } = g.loop(
    g.constant('int64', [], [3]),
    [once(g, x)],
    (body, _, [y]) => ({ carried: [once(body, once(body, y!))], collected: [] }),
    'steps',
  );
  g.output('y', carried[0]!);
  const { graph } = g.model('test');
  const inside = graph.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g?.node ?? []));
  expect(inside.filter(({ opType }) => opType === 'Add')).toHaveLength(2);
  expect(nodeCount(graph)).toBe(graph.node.length + inside.length);
});

describe('the table', () => {
  it('has a cell for each title, in text and in Markdown', () => {
    const { header, line } = tableFormats.markdown;
    expect(header.map((text) => text.split('|').length)).toEqual(Array(2).fill(line(measured).split('|').length));
    expect(line(measured)).toBe(
      '| resnet18 | 224 | 11,504,000 | 1,234 | 0.25 MB | 0.50 | 1.250 | 1.000 | 1.25 x | 1,100 | 900 | 1.22 x |',
    );
    expect(tableFormats.text.line(measured)).toHaveLength(tableFormats.text.header[0]!.length);
  });

  it('shows a model that failed, and its reason in JSON', () => {
    const row = { model: 'vgg19', error: 'no memory' };
    expect(tableFormats.markdown.line(row)).toBe('| vgg19 | FAILED |');
    expect(JSON.parse(tableFormats.json.line(row))).toEqual(row);
  });
});
