/**
 * What other programs call the parts of networks that torchvision names, too. A table of names, since nothing else can tell them
 * apart: the shortcut and the last convolution of a block, the weight and the bias of a normalization have equal shapes.
 */

export interface Spelling {
  /** For people. */
  name: string;
  /** Of torchvision's names, those that are others there. */
  rules: readonly (readonly [ours: RegExp, theirs: string | ((...parts: string[]) => string)])[];
}

const less = (number: string, by: number): number => Number(number) - by;

export const spellings: readonly Spelling[] = [
  { name: "torchvision's", rules: [] },
  {
    // transformers/models/resnet/modeling_resnet.py: convolution 3 of a block is its layer 2, block 1 of layer2 is stage 1's layer 1.
    name: "Hugging Face's ResNet",
    rules: [
      [/^conv1\./, 'embedder.embedder.convolution.'],
      [/^bn1\./, 'embedder.embedder.normalization.'],
      [
        /^layer(\d)\.(\d+)\.conv(\d)\./,
        (_, layer, block, i) => `encoder.stages.${less(layer!, 1)}.layers.${block}.layer.${less(i!, 1)}.convolution.`,
      ],
      [
        /^layer(\d)\.(\d+)\.bn(\d)\./,
        (_, layer, block, i) => `encoder.stages.${less(layer!, 1)}.layers.${block}.layer.${less(i!, 1)}.normalization.`,
      ],
      [
        /^layer(\d)\.(\d+)\.downsample\.0\./,
        (_, layer, block) => `encoder.stages.${less(layer!, 1)}.layers.${block}.shortcut.convolution.`,
      ],
      [
        /^layer(\d)\.(\d+)\.downsample\.1\./,
        (_, layer, block) => `encoder.stages.${less(layer!, 1)}.layers.${block}.shortcut.normalization.`,
      ],
      [/^fc\./, 'classifier.1.'],
    ],
  },
  {
    // torch.nn.Sequential(*list(resnet.children())[:-1]), as many programs cut off the last layer.
    name: "those of a ResNet's children in a Sequential",
    rules: [
      [/^conv1\./, '0.'],
      [/^bn1\./, '1.'],
      [/^layer(\d)\./, (_, layer) => `${Number(layer) + 3}.`],
    ],
  },
  {
    // Files from before PyTorch 0.4, the published ones among them: torchvision's own pattern.
    name: "torchvision's of old",
    rules: [[/(denselayer\d+\.(?:norm|conv))([12]\.)/, '$1.$2']],
  },
];

/** What a tensor that torchvision calls `name` is called there; the name itself where it is the same. */
export function spell({ rules }: Spelling, name: string): string {
  const rule = rules.find(([ours]) => ours.test(name));
  return rule === undefined ? name : name.replace(rule[0], rule[1] as string);
}
