/** Whether a parser did what it may: read the input, or refuse it in words for people. */
import { UserError } from '../../src/runner/base/errors.js';
import { DwsWebError } from '../../src/web/errors.js';
import type { OpenTarget } from './target.js';

export type Outcome = { kind: 'read' } | { kind: 'refused' } | { kind: 'failure'; reason: string };

const longestLine = 1500;
const mostLines = 30;
/** Control characters, and what turns the direction of text or breaks the line. */
const unprintable = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/u;

function judgeMessage(message: string, listsLines: boolean): string | undefined {
  const lines = message.split('\n');
  if (lines.length > (listsLines ? mostLines : 1)) return `a message of ${lines.length} lines`;
  if (lines.some((line) => line.length > longestLine)) return 'a message of endless length';
  if (lines.some((line) => line.trim() === '')) return 'an empty message';
  return lines.some((line) => unprintable.test(line)) ? 'a message with control characters' : undefined;
}

export async function judge(target: OpenTarget, bytes: Uint8Array): Promise<Outcome> {
  try {
    await target.read(bytes, target.folder);
    return { kind: 'read' };
  } catch (error) {
    if (!(error instanceof UserError || error instanceof DwsWebError)) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
      return { kind: 'failure', reason };
    }
    const wrong = judgeMessage(error.message, target.listsLines ?? false);
    return wrong === undefined
      ? { kind: 'refused' }
      : { kind: 'failure', reason: `${wrong}: ${JSON.stringify(error.message)}` };
  }
}

/** Failures of one kind, whatever their inputs: the message's letters and the place in the source. */
export function signatureOf(reason: string): string {
  const [first = '', ...rest] = reason.split('\n');
  const frame = rest.find((line) => /\/src\/(?!.*node_modules)/.test(line)) ?? '';
  const what = /^(a message[^:]*|SyntaxError)/.exec(first)?.[1] ?? first.replace(/["'].*["']|\d+/g, '#').slice(0, 120);
  return `${what} ${/src\/[^)]*/.exec(frame)?.[0] ?? ''}`.trim();
}
