/** Texts of all ranks, by what gathers numbers. */

/** What all ranks give, in their order; arrays of one length. */
export type Gather = (mine: Float32Array<ArrayBuffer>) => Promise<Float32Array<ArrayBuffer>>;

/** @param text below 16 MB in UTF-8 @returns what each rank says, on all of them */
export async function exchange(gather: Gather, text: string): Promise<string[]> {
  const bytes = new TextEncoder().encode(text);
  const lengths = await gather(Float32Array.of(bytes.length));
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const mine = new Float32Array(longest);
  mine.set(bytes);
  const all = await gather(mine);
  return Array.from(lengths, (length, rank) =>
    new TextDecoder().decode(Uint8Array.from(all.subarray(rank * longest, rank * longest + length))),
  );
}
