/**
 * The weights that torchvision publishes, trained on ImageNet's 1000 classes: the files of `IMAGENET1K_V1` and
 * `IMAGENET1K_V2` in torchvision/models/*.py. The hexadecimal digits in a name begin the file's SHA-256.
 */
import { UserError } from '../base/errors.js';

/** Which training of a network: v2 is torchvision's later and better recipe, for those that have it. */
export type PublishedVersion = 'v1' | 'v2';

export const publishedVersions: readonly PublishedVersion[] = ['v1', 'v2'];

/** Where the files are. */
export const publishedAddress = 'https://download.pytorch.org/models/';

export const publishedFiles: Readonly<Record<string, { v1: string; v2?: string }>> = {
  alexnet: { v1: 'alexnet-owt-7be5be79.pth' },
  densenet121: { v1: 'densenet121-a639ec97.pth' },
  densenet161: { v1: 'densenet161-8d451a50.pth' },
  densenet169: { v1: 'densenet169-b2777c0a.pth' },
  densenet201: { v1: 'densenet201-c1103571.pth' },
  inception_v3: { v1: 'inception_v3_google-0cc3c7bd.pth' },
  resnet18: { v1: 'resnet18-f37072fd.pth' },
  resnet34: { v1: 'resnet34-b627a593.pth' },
  resnet50: { v1: 'resnet50-0676ba61.pth', v2: 'resnet50-11ad3fa6.pth' },
  resnet101: { v1: 'resnet101-63fe2227.pth', v2: 'resnet101-cd907fc2.pth' },
  resnet152: { v1: 'resnet152-394f9c45.pth', v2: 'resnet152-f82ba261.pth' },
  squeezenet1_0: { v1: 'squeezenet1_0-b66bff10.pth' },
  squeezenet1_1: { v1: 'squeezenet1_1-b8a52dc0.pth' },
  vgg11: { v1: 'vgg11-8a719046.pth' },
  vgg11_bn: { v1: 'vgg11_bn-6002323d.pth' },
  vgg13: { v1: 'vgg13-19584684.pth' },
  vgg13_bn: { v1: 'vgg13_bn-abd245e5.pth' },
  vgg16: { v1: 'vgg16-397923af.pth' },
  vgg16_bn: { v1: 'vgg16_bn-6c64b313.pth' },
  vgg19: { v1: 'vgg19-dcbb9e9d.pth' },
  vgg19_bn: { v1: 'vgg19_bn-c79401a0.pth' },
};

/**
 * The whole SHA-256 of published files, of those for which it is known: where at least two projects that have nothing to do
 * with each other record the same one, with the digits of the name in front. torchvision itself publishes but those.
 */
const sha256: Readonly<Record<string, string>> = {
  'alexnet-owt-7be5be79.pth': '7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02',
  'densenet121-a639ec97.pth': 'a639ec97d7c33b07ae66f0b5fb7d0192f95a3b11b7576c66c0126c2a727c4395',
  'inception_v3_google-0cc3c7bd.pth': '0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef',
  'resnet18-f37072fd.pth': 'f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec',
  'resnet34-b627a593.pth': 'b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f',
  'resnet50-0676ba61.pth': '0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a',
  'resnet50-11ad3fa6.pth': '11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca',
  'resnet101-63fe2227.pth': '63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a',
  'resnet101-cd907fc2.pth': 'cd907fc2a0de2292b2ba2b27d2216bc672d84632d1cf20058d01c0c03b5e020e',
  'resnet152-394f9c45.pth': '394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58',
  'squeezenet1_1-b8a52dc0.pth': 'b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b',
  'vgg16-397923af.pth': '397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0',
  'vgg16_bn-6c64b313.pth': '6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a',
  'vgg19-dcbb9e9d.pth': 'dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44',
  'vgg19_bn-c79401a0.pth': 'c79401a0cf3cb42714e4182f5868c7a6f4f4534f5df9e956e2bb2098de41cbb6',
};

/** What is known of a published file's SHA-256, in hexadecimal: all of it, or the digits that are in its name. */
export const knownHash = (file: string): string =>
  (Object.hasOwn(sha256, file) ? sha256[file] : undefined) ?? /-([0-9a-f]{8,})\.\w+$/.exec(file)![1]!;

/** The name of a model's published file. @throws UserError that lists the models which have that version */
export function publishedFile(model: string, version: PublishedVersion): string {
  const file = publishedFiles[model]?.[version];
  if (file !== undefined) return file;
  const models = Object.keys(publishedFiles).filter((name) => publishedFiles[name]![version] !== undefined);
  throw new UserError(
    `--weights ${version}: there are no such published weights of ${model}, only of ${models.join(', ')}. ` +
      `Give another --weights, or a file of your own with --pretrained.`,
  );
}
