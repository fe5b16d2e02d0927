/**
 * The weights that torchvision publishes, trained on ImageNet's 1000 classes: the files of `IMAGENET1K_V1` and
 * `IMAGENET1K_V2` in torchvision/models/*.py. The hexadecimal digits in a name begin its SHA-256.
 */
import { UserError } from '../errors.js';

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

/** The digits of the SHA-256 in a published file's name. */
export const hashPrefix = (file: string): string => /-([0-9a-f]{8,})\.\w+$/.exec(file)![1]!;

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
