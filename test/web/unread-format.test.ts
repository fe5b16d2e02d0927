import { afterEach, expect, it, vi } from 'vitest';
import { readImage } from '../../src/web/images.js';

afterEach(() => void vi.unstubAllGlobals());

/** What is said of a file that the browser does not decode. */
async function refusal(name: string, start: string): Promise<{ code: string; message: string }> {
  vi.stubGlobal('createImageBitmap', () => Promise.reject(new Error('The source image could not be decoded.')));
  const file = new File([Buffer.from(start.padEnd(64, '\0'), 'latin1')], name);
  return readImage(file).then(
    () => expect.fail('it was read'),
    (error: unknown) => error as { code: string; message: string },
  );
}

it.each([
  ['photo.heic', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', /^photo\.heic is a HEIC image, .* Save it as JPEG or PNG\.$/],
  ['photo.jpg', '\0\0\0\x18ftypmif1', /HEIC/],
  ['scan.tif', 'II*\0', /^scan\.tif is a TIFF or a camera's raw image: this browser does not read the format/],
  ['scan.tiff', 'MM\0*', /TIFF/],
  ['photo.cr3', '\0\0\0\x18ftypcrx ', /a camera's raw image/],
  ['photo.raf', 'FUJIFILMCCD-RAW 0201', /a camera's raw image/],
])('names the format of %s, which the browser does not read, and says what to do', async (name, start, message) => {
  const error = await refusal(name, start);
  expect(error.code).toBe('format-not-read');
  expect(error.message).toMatch(message);
});

it('calls no image what is none', async () => {
  expect(await refusal('text.png', 'no image')).toMatchObject({ code: 'not-an-image' });
});
