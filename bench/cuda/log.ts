/** What the pretend device was asked for: its log, a line a call with tabs between the fields, the time in front. */

export interface Counts {
  launches: number;
  /** Copied from host to device and back, in bytes. */
  toDevice: number;
  toHost: number;
  synchronizations: number;
  /** Of cuBLAS and cuDNN, which launch kernels of their own. */
  libraryCalls: number;
  /** Products of cuBLAS that TF32 rounds (CUBLAS_TF32_TENSOR_OP_MATH). */
  rounded: number;
  /** To other ranks, by NCCL, in bytes. */
  sent: number;
  /** With a grid or a block that no device takes. */
  impossible: string[];
}

const none = (): Counts => ({
  launches: 0,
  toDevice: 0,
  toHost: 0,
  synchronizations: 0,
  libraryCalls: 0,
  rounded: 0,
  sent: 0,
  impossible: [],
});

function count(counts: Counts, [call = '', ...fields]: string[]): void {
  if (call === 'kernel') {
    counts.launches++;
    if (fields.at(-1) === 'INVALID') counts.impossible.push(fields.join(' '));
  } else if (call.startsWith('copy')) {
    const [way, bytes] = [fields[0], Number(fields[1])];
    if (way === 'H2D') counts.toDevice += bytes;
    if (way === 'D2H') counts.toHost += bytes;
  } else if (call === 'nccl' && fields[0] === 'send') counts.sent += Number(fields[1]);
  else if (call.startsWith('sync')) counts.synchronizations++;
  else if (call === 'gemm' && fields.at(-1) === 'mode 3') {
    counts.rounded++;
    counts.libraryCalls++;
  } else if (['gemm', 'cublas', 'cudnn'].includes(call)) counts.libraryCalls++;
}

/** All that the device was asked for. */
export function countsOf(log: string): Counts {
  const counts = none();
  for (const line of log.split('\n')) count(counts, line.split('\t').slice(1));
  return counts;
}

/** The counts between each mark of that name and the next mark. */
export function countsAfterMarks(log: string, mark: string): Counts[] {
  const found: Counts[] = [];
  let current: Counts | undefined;
  for (const line of log.split('\n')) {
    const fields = line.split('\t').slice(1);
    if (fields[0] === 'mark') {
      current = fields[1] === mark ? none() : undefined;
      if (current) found.push(current);
    } else if (current) count(current, fields);
  }
  return found;
}

/** What a step adds: of a run of many steps, less a run of few. */
export function perStep(few: Counts, many: Counts, steps: number): Counts {
  const numbers = Object.entries(many).map(([name, value]) =>
    typeof value === 'number' ? [name, (value - (few[name as keyof Counts] as number)) / steps] : [name, value],
  );
  return Object.fromEntries(numbers) as unknown as Counts;
}

/** Nodes by the provider that ONNX Runtime placed them on, of its own words on standard error. */
export function placements(words: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let provider: string | undefined;
  for (const line of words.split('\n')) {
    const all = /All nodes placed on \[(\w+)\]/.exec(line);
    const some = /Node\(s\) placed on \[(\w+)\]/.exec(line);
    const node = /\]\s{2,}(\S+ \(.*\))\s*$/.exec(line);
    if (all) found[all[1]!] ??= [];
    if (all) provider = undefined;
    else if (some) provider = some[1]!;
    else if (provider !== undefined && node) (found[provider] ??= []).push(node[1]!);
    else provider = undefined;
  }
  return found;
}
