import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkGolden } from '../../bench/parity/file.js';

const device = { device: 'cpu', deviceId: 0, threads: 2 } as const;
/** Of PyTorch 1.13's exporter. */
const networks = ['convnext', 'densenet-bn', 'efficientnet', 'regnet', 'vit', 'vit-layernorm', 'vit-tokens'];
const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as unknown;

describe("PyTorch's values hold", () => {
  it.each(['loss', 'optim', 'train', 'model-resnet18', 'model-squeezenet1_1'])('%s.json', async (name) => {
    const checks = await checkGolden(golden(name), device);
    expect(checks.length).toBeGreaterThan(0);
    expect(checks.filter(({ ratio }) => ratio > 1)).toEqual([]);
  });

  it.each(networks)('%s.onnx, which another exporter has written', async (name) => {
    const file = fileURLToPath(new URL(`../golden/onnx/${name}.json`, import.meta.url));
    const checks = await checkGolden(JSON.parse(readFileSync(file, 'utf8')), device, file);
    expect(checks.length).toBeGreaterThan(20);
    expect(checks.filter(({ ratio }) => ratio > 1)).toEqual([]);
  });

  it('a value that is off is found', async () => {
    const cases = golden('loss') as { loss: number; negatives: number[][] }[];
    cases[0]!.loss *= 1.001;
    cases[1]!.negatives[0]![0]! += 1;
    const wrong = (await checkGolden(cases, device)).filter(({ ratio }) => ratio > 1);
    expect(wrong.map(({ group }) => group)).toEqual(['loss', 'negatives']);
  });

  it('a file of another format is refused', async () => {
    await expect(checkGolden({ hello: 1 }, device)).rejects.toThrow(/reference formats/);
  });
});
