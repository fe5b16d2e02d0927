/** The parts of a training that a module can bring, and the options that name one. */
import { basename } from 'node:path';
import type { PartName } from '../../graph/declarations.js';
import type { Definitions } from '../../graph/parts/parts.js';
import { shortHash, shortHashDigits } from '../base/short-hash.js';

export const partKinds = ['backbone', 'loss', 'sampling', 'optimizer'] as const satisfies readonly PartName[];
export type PartKind = PartName;

/** The options that name a part. */
export const partOptions = {
  backbone: 'model',
  loss: 'loss',
  sampling: 'sampling',
  optimizer: 'optimizer',
} as const satisfies Record<PartKind, string>;

/** A network in ONNX's form: a backbone that is data, of which nothing runs. */
export const isOnnxPath = (value: string): boolean => /\.onnx$/i.test(value);

/** Names that stand for parts that are here; whatever looks like a path is a module. */
export const isModulePath = (value: string): boolean => /[/\\]|\.[cm]?[jt]s$/.test(value) || isOnnxPath(value);

/** A module that a caller names. */
export interface ModuleSource {
  path: string;
  /** The fingerprint that it must have; any unless given. */
  sha256?: string;
  /** What a checkpoint has kept of an ONNX file, in its place: see `network-text.ts`. */
  network?: string;
}

export type ModuleSources = Partial<Record<PartKind, ModuleSource>>;

/** A file that belongs to a module: itself, or one that it imports by a relative path. */
export interface ModuleFile {
  /** From the module's own folder, with `/`. */
  path: string;
  sha256: string;
}

/** A module as it was when it was looked at; nothing of it has run for that. */
export interface ModuleFacts {
  kind: PartKind;
  /** Absolute. */
  path: string;
  /** Itself first. */
  files: ModuleFile[];
  /** Of all its files. */
  sha256: string;
  /** Where it is from a checkpoint, without a file. */
  network?: string;
}

export interface LoadedModules {
  definitions: Definitions;
  facts: ModuleFacts[];
  /** What checkpoints keep of a backbone that is an ONNX file: see `network-text.ts`. */
  network?: string;
}

/** A part as people are told of it: its name, and the file that it is from where a module has brought it. */
export const partLabel = (name: string, source: ModuleSource | undefined): string =>
  source ? `${name} (${basename(source.path)})` : name;

export const noModules: LoadedModules = { definitions: {}, facts: [] };

/** How checkpoints record a module: no path, since equal runs write equal bytes. */
export const moduleLabel = ({ kind, sha256 }: Pick<ModuleFacts, 'kind' | 'sha256'>): string =>
  `${kind}:${shortHash(sha256)}`;

const labelForm = new RegExp(`^([a-z]+):([0-9a-f]{${shortHashDigits}})$`);

/** The parts of recorded labels. @returns undefined for text that is none */
export function parseLabel(label: unknown): { kind: PartKind; digits: string } | undefined {
  const match = labelForm.exec(String(label));
  const kind = partKinds.find((known) => known === match?.[1]);
  return kind && { kind, digits: match![2]! };
}
