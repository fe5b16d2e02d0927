/** The shortest input found that fails as a given one does. */

const mostTries = 400;

/** @param fails whether an input fails in the same way */
export async function minimise(bytes: Uint8Array, fails: (bytes: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  let shortest = bytes;
  let tries = 0;
  for (
    let length = Math.ceil(bytes.length / 2);
    length >= 1 && tries < mostTries;
    length = length === 1 ? 0 : Math.ceil(length / 2)
  ) {
    for (let at = 0; at < shortest.length && tries < mostTries; tries++) {
      const shorter = new Uint8Array(Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + length)]));
      if (await fails(shorter)) shortest = shorter;
      else at += length;
    }
  }
  return shortest;
}
