// Prints the embedding of each image, a line of JSON each: node embed.mjs MODEL IMAGE...
// MODEL: a file of `dws export -o model.onnx --with-resize`, which takes images of any size and prepares them itself.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';

const [model, ...images] = process.argv.slice(2);
if (images.length === 0) {
  console.error('usage: node embed.mjs MODEL IMAGE...   (MODEL: a file of dws export -o model.onnx --with-resize)');
  process.exit(1);
}

const session = await InferenceSession.create(model);
const [, height] = session.inputMetadata[0].shape;
if (typeof height === 'number') {
  console.error(`${model} takes squares of ${height} px only: export it again with --with-resize.`);
  process.exit(1);
}

for (const path of images) {
  // Upright, on white, RGB in 0..255.
  const image = sharp(path).autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const pixels = new Tensor('uint8', data, [1, info.height, info.width, 3]);
  const { embeddings } = await session.run({ images: pixels });
  console.log(JSON.stringify({ path, embedding: [...embeddings.data] }));
}
