// The reference of what the package exports, for `npm run docs`: entry points and names are those of package.json's `exports`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Converter, ReflectionKind } from 'typedoc';

const { name, exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** src/graph/index.ts -> dws/graph; the whole of it last, so that each thing's page is with the part that has it. */
const modules = Object.entries(exports)
  .map(([entry, { default: file }]) => ({
    source: file.replace('./dist/', 'src/').replace(/\.js$/, '.ts'),
    name: path.posix.join(name, entry),
  }))
  .sort((a, b) => Number(a.name === name) - Number(b.name === name));

/** Modules are called what a program imports. */
function nameModules(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    const file =
      reflection.kindOf(ReflectionKind.Module) && context.getSymbolFromReflection(reflection)?.declarations?.[0];
    const found = file && modules.find(({ source }) => file.getSourceFile().fileName.endsWith(`/${source}`));
    if (found) reflection.name = found.name;
  });
}

/** Values and helpers that a type is derived from: its page shows what comes out. */
const derivedFrom = [
  'providers',
  'purposes',
  'webVariantNames',
  'galleryDtypes',
  'record',
  'Checked',
  'Fields',
  'Widened',
];

/** Types that others name, but that a program can't import. To be exported or hidden; none is to be added. */
const notYetExported = [
  ...['ExternalPlace', 'GraphProto', 'WebGraphName'],
  ...['BuildOptions', 'CheckpointDifference', 'CurveComparison', 'EmbedHooks', 'EmbeddingMetrics', 'MeasureStage'],
  ...['MetricsChoice', 'NanPolicy', 'NetworkVectors', 'OnSurvey', 'OpenOptions', 'PublishedVersion', 'Repetition'],
  ...['SameContent', 'SplitSurvey', 'WeightsComparison'],
];

/** @type {import('typedoc').TypeDocOptions} */
export default {
  entryPoints: modules.map(({ source }) => source),
  tsconfig: 'tsconfig.build.json',
  out: 'docs/api',
  name,
  readme: 'none',
  plugin: [nameModules],
  excludeInternal: true,
  disableSources: true,
  intentionallyNotExported: [...derivedFrom, ...notYetExported],
  treatWarningsAsErrors: true,
};
