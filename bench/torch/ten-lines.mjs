// node ten-lines.mjs MODEL.onnx IMAGE... prints the embeddings of images that have the model's size already, as JSON
import { Buffer } from 'node:buffer';
import ort from 'onnxruntime-node';
import sharp from 'sharp';

const [model, ...files] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model);
const images = await Promise.all(
  files.map((file) => sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })),
);
const { width, height } = images[0].info;
const pixels = new ort.Tensor('uint8', Buffer.concat(images.map(({ data }) => data)), [files.length, height, width, 3]);
const { embeddings } = await session.run({ images: pixels });
console.log(JSON.stringify({ dims: embeddings.dims, data: [...embeddings.data] }));
