/**
 * npm run bench -- micro-batches --exact [--models resnet18,vgg11]
 *
 * A model of every family, 20 steps of SGD and of Adam with clipping, and dropout where the model has it: in pieces of 8, 8 and 4 of a
 * batch of 20, beside the whole batch, with frozen statistics; with batch statistics, beside a graph in which every piece is a replica of
 * its own. Exit code 1 where a negative is another, or losses are more than 1e-5 apart.
 *
 * npm run bench -- micro-batches --memory [--only resnet18-224-40,resnet18-224-40-20]
 *
 * Peak memory and time of a step of large batches, in pieces and whole, each in a process of its own. Exit code 1 where 4,000 images of 64 px
 * take 2 GiB or more.
 *
 * npm run bench -- micro-batches --recall [--data data/icons] [--model resnet18] [--images 24000] [--rates 3e-4,1e-3,3e-3] [--seeds 0,1,2]
 *
 * Recall@1 of batches of 2,000 in pieces beside those of 80, after as many images; see `recall.ts`. Takes hours on two cores, and the icons of the quick start.
 *
 * Without any of them: the first two. Prints Markdown.
 */
import { parseArgs } from 'node:util';
import { compareNumbers } from './exact.js';
import { measureMemory } from './memory.js';
import { compareRecall } from './recall.js';

const listOf = (text: string | undefined): string[] | undefined => text?.split(',');

export async function benchMicroBatches(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      exact: { type: 'boolean', default: false },
      models: { type: 'string' },
      memory: { type: 'boolean', default: false },
      only: { type: 'string' },
      recall: { type: 'boolean', default: false },
      data: { type: 'string', default: 'data/icons' },
      model: { type: 'string', default: 'resnet18' },
      images: { type: 'string', default: '24000' },
      rates: { type: 'string', default: '3e-4,1e-3,3e-3' },
      seeds: { type: 'string', default: '0,1,2' },
    },
  });
  if (values.recall) {
    const { data, model, images } = values;
    const numbers = (text: string) => text.split(',').map(Number);
    const rates = numbers(values.rates);
    return compareRecall({ data, model, images: Number(images), rates, seeds: numbers(values.seeds) });
  }
  const all = !values.exact && !values.memory;
  const problems: string[] = [];
  if (all || values.exact) problems.push(...(await compareNumbers(listOf(values.models))));
  if (all) console.log('');
  if (all || values.memory) problems.push(...(await measureMemory(listOf(values.only))));
  if (problems.length > 0) throw new Error(problems.join('; '));
}
