/** A range of what is kept, which comes whole out of a cache. */

/** @param range the header, one with a beginning and an end; any other gets the whole, as servers may do */
export async function part(whole: Response, range: string): Promise<Response> {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range) ?? [];
  if (first === undefined || Number(first) > Number(last)) return whole;
  const blob = await whole.blob();
  const headers = new Headers(whole.headers);
  if (Number(first) >= blob.size) {
    headers.set('Content-Range', `bytes */${blob.size}`);
    return new Response(null, { status: 416, headers });
  }
  const end = Math.min(Number(last) + 1, blob.size);
  headers.set('Content-Range', `bytes ${first}-${end - 1}/${blob.size}`);
  headers.set('Content-Length', String(end - Number(first)));
  return new Response(blob.slice(Number(first), end), { status: 206, headers });
}
