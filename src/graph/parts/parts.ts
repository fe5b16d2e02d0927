/** The exchangeable parts of a training: what its options name, made ready. */
import { listing } from '../builder/listing.js';
import { losses } from '../losses/index.js';
import type { Loss, LossContext, LossDefinition } from '../losses/loss.js';
import type { Backbone, BackboneDefinition } from '../models/backbone.js';
import { findBackbone } from '../models/index.js';
import { optimizers, sgd } from '../optimizers/index.js';
import type { OptimizerDefinition, Rule, SharedSettings } from '../optimizers/rule.js';
import type { NetworkOptions, TrainingOptions } from '../options.js';
import { samplings } from '../samplings/index.js';
import type { Sampling, SamplingDefinition } from '../samplings/sampling.js';
import type { Declarations, OptionValue, PartName } from '../declarations.js';
import { inPart, PartError, valuesOf } from '../declarations.js';
import { requireBackbone, requireLoss, requireRules, requireSampling } from './contracts.js';

/** Definitions from elsewhere, in place of those that the options name. */
export interface Definitions {
  backbone?: BackboneDefinition;
  loss?: LossDefinition;
  sampling?: SamplingDefinition;
  optimizer?: OptimizerDefinition;
}

export interface Parts {
  backbone: Backbone;
  loss: Loss;
  /** Null for a loss that takes no tuples. */
  sampling: Sampling | null;
  /** Of the network. */
  optimizer: readonly Rule[];
  /** Of the loss's parameters, but for those that bring their own: SGD, whichever optimizer the network has. */
  ownRules: readonly Rule[];
  /** Whether the loss is scaled before the backward pass, by a number that the state holds. */
  scalesLoss: boolean;
}

export const defaultLoss = 'margin';
export const defaultSampling = 'distance-weighted';

/** @throws Error that lists the known names */
export function find<T>(kind: string, known: Readonly<Record<string, T>>, name: string): T {
  const found = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!found) throw new Error(`unknown ${kind} ${name}; known: ${Object.keys(known).join(', ')}`);
  return found;
}

/** Those of an object's values that are declared: where the options of the parts that are here stand. */
function declared(options: object, declarations: Declarations): Record<string, OptionValue> {
  const values = options as Readonly<Record<string, OptionValue>>;
  return Object.fromEntries(
    Object.keys(declarations).flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]])),
  );
}

/** What a part's definition creates. @throws PartError for what is none */
const checked = <T>(part: PartName, require: (made: unknown) => void, create: () => T): T =>
  inPart(part, () => {
    const made = create();
    require(made);
    return made;
  });

/** What `create` is given: asking for what is not there is an error. */
const valuesFor = <D extends Declarations>({ options }: { options: D }, given: Parameters<typeof valuesOf>[1]) =>
  listing('values', valuesOf(options, given), ' (the options of the definition)');

const contextOf = ({ classes, embedDim, batchSize, batchK }: LossContext): LossContext =>
  listing('context', { classes, embedDim, batchSize, batchK });

const sharedOf = ({ momentum, weightDecay }: SharedSettings): SharedSettings =>
  listing('shared', { momentum, weightDecay });

type BackboneOptions = Pick<NetworkOptions, 'model' | 'backboneOptions'>;

/** @throws Error when the model is unknown, or naming an option that does not fit */
export const backboneOf = ({ model, backboneOptions }: BackboneOptions, { backbone }: Definitions = {}): Backbone =>
  backbone
    ? checked('backbone', requireBackbone, () => backbone.create(valuesFor(backbone, backboneOptions)))
    : findBackbone(model);

type LossOptions = Pick<TrainingOptions, keyof LossContext | 'loss' | 'lossOptions'>;

/** The loss that options name, with their values. @throws Error naming an option that does not fit */
export function lossOf(options: LossOptions, { loss: own }: Definitions = {}): Loss {
  const definition = own ?? find('loss', losses, options.loss ?? defaultLoss);
  const given = own ? options.lossOptions : declared(options, definition.options);
  return checked('loss', requireLoss, () => definition.create(valuesFor(definition, given), contextOf(options)));
}

/** Where to have a sampling of a kind from. */
function kindAdvice(options: TrainingOptions, kind: Sampling['kind']): string {
  const isOf = ({ options: own, create }: SamplingDefinition) =>
    create(valuesOf(own, declared(options, own))).kind === kind;
  const names = Object.keys(samplings).filter((name) => isOf(samplings[name]!));
  return names.length > 0
    ? `name one that gives ${kind}, ${names.join(' or ')}, or bring one in a file (docs/sampling.md)`
    : `none that is here gives ${kind}; bring one with --sampling FILE (docs/sampling.md), or let the loss take 'nothing' and look at the whole batch`;
}

/** @throws Error when the sampling gives other tuples than the loss takes */
function samplingOf(options: TrainingOptions, loss: Loss, { sampling: own }: Definitions): Sampling | null {
  const isAsked = own !== undefined || options.sampling !== undefined;
  if (loss.takes === 'nothing') {
    if (isAsked) throw new PartError(own ? 'sampling' : 'loss', 'the loss takes no tuples: leave the sampling out');
    return null;
  }
  const definition = own ?? find('sampling', samplings, options.sampling ?? defaultSampling);
  const given = own ? options.samplingOptions : declared(options, definition.options);
  const sampling = checked('sampling', requireSampling, () => definition.create(valuesFor(definition, given)));
  if (sampling.kind === loss.takes) return sampling;
  throw new PartError(
    own ? 'sampling' : 'loss',
    `the loss takes ${loss.takes}, and the sampling ${definition.name} gives ${sampling.kind}${own ? '' : `: ${kindAdvice(options, loss.takes)}`}`,
  );
}

type OptimizerOptions = Pick<TrainingOptions, 'optimizer' | 'optimizerOptions' | 'momentum' | 'weightDecay'>;

/** The rules of the optimizer that options name. @throws Error naming an option that does not fit */
export function optimizerOf(options: OptimizerOptions, { optimizer: own }: Definitions = {}): readonly Rule[] {
  const definition = own ?? find('optimizer', optimizers, options.optimizer);
  const given = own ? options.optimizerOptions : declared(options, definition.options);
  return checked('optimizer', requireRules, () => definition.create(valuesFor(definition, given), sharedOf(options)));
}

/** @throws Error naming what is unknown, or does not fit */
export function partsOf(options: TrainingOptions, definitions: Definitions = {}): Parts {
  const loss = lossOf(options, definitions);
  return {
    backbone: backboneOf(options, definitions),
    loss,
    sampling: samplingOf(options, loss, definitions),
    optimizer: optimizerOf(options, definitions),
    ownRules: sgd.create({}, options),
    scalesLoss: options.precision === 'fp16',
  };
}
