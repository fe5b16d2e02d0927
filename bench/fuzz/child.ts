/** The process that parses. It may hang, die or fill the memory: the other one watches. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { judge, signatureOf } from './judge.js';
import type { Job, Report, Tally } from './messages.js';
import { minimise } from './minimise.js';
import { brokenCode, Growth, growthCode } from './memory.js';
import type { OpenTarget, Target } from './target.js';
import { inputOf, openTarget } from './target.js';

/** Milliseconds that a target has before the next one's turn. */
const slice = 200;
/** Failures of one kind that are reported. */
const mostOfAKind = 3;

const send = (report: Report): Promise<void> => new Promise((resolve) => process.send!(report, () => resolve()));

/** @throws Error for a valid input that is not read: the target would test nothing */
async function requireReadable(target: OpenTarget): Promise<void> {
  for (const [i, bytes] of target.wholes.entries()) {
    const outcome = await judge(target, bytes);
    if (outcome.kind !== 'read') {
      const why = await target.read(bytes, target.folder).catch((error: unknown) => error);
      throw new Error(`valid input ${i} of ${target.name} is not read: ${String(why)}`);
    }
  }
}

async function run({ module, seed, next, folder, place }: Job): Promise<void> {
  const { targets } = (await import(module)) as { targets: readonly Target[] };
  const chosen = Object.keys(next).map((name) => targets.find((target) => target.name === name)!);
  const opened: OpenTarget[] = [];
  for (const target of chosen) {
    const home = path.join(folder, target.name);
    mkdirSync(home, { recursive: true });
    const open = await openTarget(target, home);
    await requireReadable(open);
    opened.push(open);
  }
  const marker = openSync(place, 'r+');
  const at = new Float64Array(2);
  const known = new Map<string, number>();
  // The process is started with --expose-gc.
  const growth = new Growth(globalThis.gc as () => void);
  await send({ kind: 'ready' });

  const runOne = async (target: OpenTarget, tally: Tally): Promise<void> => {
    const index = next[target.name]!++;
    at.set([targets.findIndex(({ name }) => name === target.name), index]);
    writeSync(marker, at, 0, at.byteLength, 0);
    const bytes = await inputOf(target, seed, index);
    const outcome = await judge(target, bytes);
    tally.executions++;
    if (outcome.kind === 'read') tally.read++;
    else if (outcome.kind === 'refused') tally.refused++;
    else {
      tally.failures++;
      const signature = signatureOf(outcome.reason);
      const kind = `${target.name} ${signature}`;
      const count = (known.get(kind) ?? 0) + 1;
      known.set(kind, count);
      if (count > mostOfAKind) return;
      const shortest = await minimise(bytes, async (shorter) => {
        const other = await judge(target, shorter);
        return other.kind === 'failure' && signatureOf(other.reason) === signature;
      });
      const base64 = Buffer.from(shortest).toString('base64');
      await send({
        kind: 'failure',
        failure: { target: target.name, index, signature, reason: outcome.reason, bytes: base64 },
      });
    }
  };

  let isStopped = false;
  process.on('message', () => (isStopped = true));
  while (!isStopped) {
    for (const target of opened) {
      const tally: Tally = { executions: 0, read: 0, refused: 0, failures: 0 };
      const tell = () => send({ kind: 'tally', target: target.name, tally, growth: growth.most });
      for (const end = performance.now() + slice; performance.now() < end && !isStopped;) {
        await runOne(target, tally);
        if (!growth.isTooMuch()) continue;
        await tell();
        process.exit(growthCode);
      }
      await tell();
      // Parsers that wait for nothing would leave the message that ends them unread.
      await setImmediate();
    }
  }
  closeSync(marker);
  process.disconnect();
}

// Nobody watches any more: an input that hangs would never be ended.
process.once('disconnect', () => process.exit());
process.once('message', (job: Job) => {
  run(job).catch((error: unknown) => {
    console.error(error);
    process.exit(brokenCode);
  });
});
