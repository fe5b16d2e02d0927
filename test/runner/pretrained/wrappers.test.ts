/** Networks under the names that other programs write: found whole, or refused; never half, never mixed. */
import { describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { findNetwork } from '../../../src/runner/pretrained/find-network.js';
import { fileOf, partsOf, torchvision } from './networks.js';

type Names = [name: string, shape: number[]][];

/** What is found for each tensor of the network, by torchvision's names. */
function found(model: string, tensors: Names, at?: string): { at: string; names: Record<string, string> } {
  const { at: place, tensors: map } = findNetwork(fileOf(tensors), partsOf(model), at);
  return { at: place, names: Object.fromEntries([...map].map(([{ bare }, { name }]) => [bare, name])) };
}

function refusal(model: string, tensors: Names, at?: string): string {
  try {
    found(model, tensors, at);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('it is not refused');
}

const renamed = (names: Names, change: (name: string) => string): Names =>
  names.map(([name, shape]) => [change(name), shape]);

const under = (prefix: string, names: Names): Names => renamed(names, (name) => `${prefix}.${name}`);

/** Each name of the network with what it has to be in the file. */
const expected = (model: string, change: (name: string) => string): Record<string, string> =>
  Object.fromEntries(torchvision(model).map(([name]) => [name, change(name)]));

describe('20 networks in wrappers of any names, up to four deep, in front and in between', () => {
  const models = ['resnet18', 'densenet121', 'vgg11_bn', 'alexnet', 'squeezenet1_1', 'resnet50', 'inception_v3'];

  it.each(Array.from({ length: 20 }, (_, i) => i))('number %i is found, every tensor of it', (seed) => {
    const random = new Philox(seed, 'init');
    const model = models[seed % models.length]!;
    const word = () => `_${random.uint32().toString(36)}${random.int(2) === 0 ? '_x' : ''}`;
    const words = (most: number) => Array.from({ length: random.int(most + 1) }, word);
    const front = words(4);
    // Modules around which there is something: each a place in the names, and what stands behind it.
    const names = torchvision(model);
    const around = new Map<string, string>();
    for (let i = random.int(5); i > 0; i--) {
      const parts = names[random.int(names.length)]![0].split('.');
      const module = parts.slice(0, 1 + random.int(parts.length - 1)).join('.');
      around.set(module, [word(), ...words(3)].join('.'));
    }
    const wrapped = (name: string): string => {
      const parts = name.split('.');
      const inside = parts.flatMap((part, i) => {
        const wrapper = i + 1 < parts.length ? around.get(parts.slice(0, i + 1).join('.')) : undefined;
        return wrapper === undefined ? [part] : [part, wrapper];
      });
      return [...front, ...inside].join('.');
    };
    const others: Names = [
      ['optimizer.state.0.exp_avg', [64, 3, 7, 7]],
      [[...front, 'queue'].join('.'), [128, 65536]],
      [[...front, word(), 'weight'].join('.'), [128, 2048]],
    ];
    const result = found(model, [...others, ...renamed(names, wrapped)]);
    expect(result).toEqual({ at: front.join('.'), names: expected(model, wrapped) });
  });
});

describe('what is found, and where', () => {
  const layer = (name: string) => /^(conv1|bn1|layer\d|fc)/.test(name);

  it.each<[string, string, (name: string) => string, string]>([
    ['DataParallel', 'resnet18', (name) => `module.${name}`, 'module'],
    ['Lightning', 'resnet18', (name) => `state_dict.model.${name}`, 'state_dict.model'],
    ['Lightning, compiled', 'resnet18', (name) => `state_dict.model._orig_mod.${name}`, 'state_dict.model._orig_mod'],
    ['open-metric-learning', 'resnet50', (name) => `state_dict.model.model.${name}`, 'state_dict.model.model'],
    ['OpenMMLab', 'resnet50', (name) => `state_dict.backbone.${name}`, 'state_dict.backbone'],
    [
      'VISSL',
      'resnet50',
      (name) => `classy_state_dict.base_model.model.trunk._feature_blocks.${name}`,
      'classy_state_dict.base_model.model.trunk._feature_blocks',
    ],
    [
      "PyTorch's examples, VGG",
      'vgg11_bn',
      (name) => `state_dict.${name.replace(/^features\./, 'features.module.')}`,
      'state_dict',
    ],
    ["PyTorch's examples, AlexNet", 'alexnet', (name) => name.replace(/^features\./, 'features.module.'), ''],
    ['modules compiled one by one', 'resnet18', (name) => name.replace(/^(layer\d)\./, '$1._orig_mod.'), ''],
    [
      'activations recomputed',
      'resnet18',
      (name) => name.replace(/^(layer\d\.\d)\./, '$1._checkpoint_wrapped_module.'),
      '',
    ],
    [
      'FSDP within DataParallel',
      'resnet18',
      (name) => `module._fsdp_wrapped_module.${name.replace(/^(layer\d)\./, '$1._fsdp_wrapped_module.')}`,
      'module._fsdp_wrapped_module',
    ],
    ['a Sequential around it', 'resnet18', (name) => `0.${name}`, '0'],
    ['slashes', 'resnet18', (name) => `params/${name.replaceAll('.', '/')}`, 'params'],
    ['underscores', 'resnet18', (name) => `resnet_${name.replaceAll('.', '_')}`, 'resnet'],
    [
      'densenet before PyTorch 0.4',
      'densenet121',
      (name) => name.replace(/(denselayer\d+\.(?:norm|conv))(\d)/, '$1.$2'),
      '',
    ],
  ])('of %s', (_, model, change, at) => {
    const { at: place, names } = found(model, renamed(torchvision(model), change));
    expect(place).toBe(at);
    expect(names).toEqual(expected(model, change));
  });

  it("of a densenet's features alone, and the last layer beside them", () => {
    const change = (name: string) => name.replace(/^features\./, 'backbone.');
    expect(found('densenet121', renamed(torchvision('densenet121'), change))).toEqual({
      at: 'backbone',
      names: expected('densenet121', change),
    });
  });

  it('of a body in one wrapper and the last layer outside of it', () => {
    const change = (name: string) => `model.${name.startsWith('fc.') ? name : `body.${name}`}`;
    expect(found('resnet18', renamed(torchvision('resnet18'), change)).names).toEqual(expected('resnet18', change));
  });

  it('with the head beside the backbone, or inside of it as `dws export` writes it', () => {
    const { head } = partsOf('resnet18');
    const dense: Names = head.map(({ bare, shape }) => [bare, shape]);
    const inside = found('resnet18', [...torchvision('resnet18'), ...dense]);
    expect(inside.names['dense.weight']).toBe('dense.weight');
    const beside = [
      ...under('model.base_net', torchvision('resnet18')),
      ...under(
        'model',
        renamed(dense, (name) => name.replace('dense.', 'dense.module.')),
      ),
    ];
    expect(found('resnet18', beside).names['dense.bias']).toBe('model.dense.module.bias');
  });

  it.each(['resnet18', 'resnet50'])("of Hugging Face's %s: every block, shortcut and normalization", (model) => {
    const theirs = (name: string): string => {
      const [, stage, block, part, index] = /^layer(\d)\.(\d+)\.(conv|bn|downsample\.)(\d)\./.exec(name) ?? [];
      const leaf = name.slice(name.lastIndexOf('.') + 1);
      if (name.startsWith('fc.')) return `classifier.1.${leaf}`;
      if (stage === undefined) {
        return `resnet.embedder.embedder.${name.startsWith('bn') ? 'normalization' : 'convolution'}.${leaf}`;
      }
      const at = `resnet.encoder.stages.${Number(stage) - 1}.layers.${block}`;
      if (part === 'downsample.') return `${at}.shortcut.${index === '0' ? 'convolution' : 'normalization'}.${leaf}`;
      return `${at}.layer.${Number(index) - 1}.${part === 'bn' ? 'normalization' : 'convolution'}.${leaf}`;
    };
    // As in the published file; and in another order, which must not matter.
    const names = renamed(torchvision(model), theirs);
    for (const order of [names, [...names].reverse()]) {
      expect(found(model, order)).toEqual({ at: 'resnet', names: expected(model, theirs) });
    }
  });

  it('of the children of a ResNet in a Sequential, without the last layer', () => {
    const places: Record<string, number> = { conv1: 0, bn1: 1, layer1: 4, layer2: 5, layer3: 6, layer4: 7 };
    const change = (name: string) => name.replace(/^\w+/, (part) => `encoder.${places[part]}`);
    const names = torchvision('resnet50').filter(([name]) => layer(name) && !name.startsWith('fc.'));
    const result = found('resnet50', renamed(names, change));
    expect(result.at).toBe('encoder');
    expect(result.names).toEqual(Object.fromEntries(names.map(([name]) => [name, change(name)])));
  });

  it("but no number of a projection's layers is taken for a wrapper of the last layer", () => {
    const names = torchvision('resnet50', 512);
    const projection = renamed(names, (name) => name.replace(/^fc\./, 'fc.0.'));
    expect(found('resnet50', projection).names['fc.weight']).toBeUndefined();
    const deep = renamed(names, (name) => name.replace(/^fc\./, 'fc.0.linear.'));
    expect(found('resnet50', deep).names['fc.weight']).toBeUndefined();
  });
});

describe('of two', () => {
  const resnet = torchvision('resnet18');
  const dino = [...under('student.module.backbone', resnet), ...under('teacher.backbone', resnet)];
  const moco = [...under('state_dict.module.encoder_q', resnet), ...under('state_dict.module.encoder_k', resnet)];
  const ema = [...under('state_dict', resnet), ...under('state_dict_ema', resnet)];

  it('both are named, with the option that chooses', () => {
    expect(refusal('resnet18', dino)).toBe(
      'net.pth (fake) holds weights of this network at 2 places: teacher.backbone, student.module.backbone. ' +
        'Say which with --weights-at, for example --weights-at teacher.backbone.',
    );
    expect(refusal('resnet18', moco)).toContain('state_dict.module.encoder_q, state_dict.module.encoder_k');
    expect(refusal('resnet18', ema)).toContain('state_dict, state_dict_ema');
    expect(refusal('resnet18', [...resnet, ...under('ema', resnet)])).toContain('., ema (. is the top of the file)');
  });

  it.each<[string, Names, string, string]>([
    ['its path', dino, 'teacher.backbone', 'teacher.backbone'],
    ['a part', dino, 'teacher', 'teacher.backbone'],
    ['a part in the middle', moco, 'encoder_k', 'state_dict.module.encoder_k'],
    ['a path that is also the beginning of a name', ema, 'state_dict', 'state_dict'],
    ['a dot for the top', [...resnet, ...under('ema', resnet)], '.', ''],
    ['slashes', dino, 'student/module', 'student.module.backbone'],
  ])('one is chosen by %s', (_, file, at, place) => {
    const { at: chosen, names } = found('resnet18', file, at);
    expect(chosen).toBe(place);
    expect(names).toEqual(expected('resnet18', (name) => (place === '' ? name : `${place}.${name}`)));
  });

  it('none is chosen by what names both, or neither', () => {
    expect(refusal('resnet18', moco, 'module')).toContain('and that names 2 of these');
    expect(refusal('resnet18', moco, 'encoder')).toContain('and that names none of these');
    expect(refusal('resnet18', resnet, 'teacher')).toMatch(
      /--weights-at teacher: net.pth holds .* at \. .*none of these/,
    );
  });

  it('of which this network is a part of one, there is nothing to choose', () => {
    const larger = [...under('student', resnet), ...under('teacher', torchvision('resnet34'))];
    expect(found('resnet18', larger).at).toBe('student');
    expect(refusal('resnet18', larger, 'teacher')).toContain('is of a network that has more layers than this one');
  });

  it('that are the same tensors under two names, there is one', () => {
    const { tensors, ...file } = fileOf([...under('model', resnet), ...under('net', resnet)]);
    const shared = tensors.map((tensor) => ({ ...tensor, source: tensor.name.replace(/^\w+\./, '') }));
    expect(findNetwork({ ...file, tensors: shared }, partsOf('resnet18')).at).toBe('model');
  });
});

describe('refused is', () => {
  const resnet = torchvision('resnet18');

  it('a deeper network, of which this one would be a part', () => {
    const message = refusal('resnet18', torchvision('resnet34'));
    expect(message).toContain('is of a network that has more layers than this one, 80 tensors of them:');
    expect(message).toContain('layer1.2.conv1.weight [64,64,3,3]');
    expect(refusal('resnet50', under('module', torchvision('resnet101')))).toContain('has more layers than this one');
  });

  it('a network with other layers inside of its blocks; counters in there are nothing', () => {
    const attention: Names = [['layer1.0.se.fc1.weight', [16, 64, 1, 1]]];
    expect(refusal('resnet18', [...resnet, ...attention])).toContain('layer1.0.se.fc1.weight [16,64,1,1]');
    const counters: Names = [
      ['layer1.0.total_ops', [1]],
      ['layer1.0.bn1.num_batches_tracked', []],
    ];
    expect(found('resnet18', [...resnet, ...counters]).at).toBe('');
  });

  it('one half of it here and one there', () => {
    const split = renamed(resnet, (name) => `${/layer[34]/.test(name) ? 'teacher' : 'student'}.${name}`);
    expect(refusal('resnet18', split)).toMatch(/net.pth \(fake\), at \w+, does not fit the network in \d+ tensors/);
  });

  it('a module that is there twice, in and out of a wrapper', () => {
    const twice = [
      ...resnet,
      ...resnet
        .filter(([name]) => name.startsWith('layer2.'))
        .map(([name, shape]): Names[number] => [name.replace('layer2.', 'layer2.module.'), shape]),
    ];
    expect(refusal('resnet18', twice)).toMatch(/two things for .*: layer2 and layer2\.module/);
  });

  it('names that only shapes could tell apart', () => {
    const greek = renamed(resnet, (name) =>
      name.replace(/(bn\d)\.weight$/, '$1.scale').replace(/(bn\d)\.bias$/, '$1.shift'),
    );
    expect(refusal('resnet18', greek)).toContain('base_net.bn1.weight: not in the file');
    const numbered = resnet.map(([, shape], i): Names[number] => [`tensor${i}`, shape]);
    expect(refusal('resnet18', numbered)).toContain('holds no weights of this network');
  });

  it('another network', () => {
    expect(refusal('resnet18', under('module', torchvision('resnet50')))).toContain(
      'at module, does not fit the network',
    );
    expect(refusal('vgg11_bn', torchvision('vgg11_bn').slice(0, -6))).toContain('does not fit');
    const wide = resnet.map(([name, shape]): Names[number] => [name, name === 'conv1.weight' ? [64, 1, 7, 7] : shape]);
    expect(refusal('resnet18', wide)).toContain(
      'base_net.conv1.weight: [64,1,7,7] in the file, [64,3,7,7] in the network',
    );
  });

  it('a tangle of names, in bounded time', () => {
    const parts = ['conv1', 'bn1', 'layer1', 'layer2', 'layer3', 'layer4', '0', '1', 'weight'];
    const random = new Philox(1, 'init');
    const tangle = Array.from({ length: 2_000 }, (): Names[number] => [
      Array.from({ length: 60 }, () => parts[random.int(parts.length)]).join('.'),
      [64],
    ]);
    expect(refusal('resnet18', tangle)).toMatch(/too odd a way|does not fit|no weights/);
  });
});
