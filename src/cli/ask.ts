/** A question at the terminal. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Asks for a line. Ctrl-C is the signal that it is everywhere else, though a terminal that is read key by key sends none.
 *
 * @returns undefined where the input ends without one, as by Ctrl-D
 * @throws the signal's reason when it is aborted
 */
export async function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  const { stdin: input, stdout: output } = process;
  const lines = createInterface({ input, output });
  const ended = once(lines, 'close').then(() => undefined);
  lines.on('SIGINT', () => {
    output.write('\n');
    process.emit('SIGINT', 'SIGINT');
  });
  // Closed by the signal too: what it throws is then its reason, and not readline's.
  signal.addEventListener('abort', () => lines.close());
  const answer = await Promise.race([new Promise<string>((resolve) => lines.question(question, resolve)), ended]);
  signal.throwIfAborted();
  if (answer === undefined) output.write('\n');
  else lines.close();
  return answer;
}
