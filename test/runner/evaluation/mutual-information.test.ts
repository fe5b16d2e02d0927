import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareClusters } from '../../../src/runner/evaluation/mutual-information.js';

interface Case {
  classes: number[];
  clusters: number[];
  nmi: number;
  ami: number;
}
const golden = JSON.parse(readFileSync('test/golden/clustering.json', 'utf8')) as Case[];

describe('mutual information', () => {
  it.each(golden.map((example, i) => ({ i, size: example.classes.length, ...example })))(
    'equals that of scikit-learn in case $i, of $size images',
    ({ classes, clusters, nmi, ami }) => {
      const { NMI, AMI } = compareClusters(Int32Array.from(classes), Int32Array.from(clusters));
      expect(NMI).toBeCloseTo(nmi, 9);
      expect(AMI).toBeCloseTo(ami, 9);
    },
  );

  it('does not depend on the order of the images', () => {
    const { classes, clusters } = golden.at(-1)!;
    const turned = compareClusters(Int32Array.from(classes).reverse(), Int32Array.from(clusters).reverse());
    expect(turned.AMI).toBeCloseTo(golden.at(-1)!.ami, 9);
  });
});
