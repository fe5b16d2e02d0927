"""Prints the embedding of each image, a line of JSON each: python3 embed.py MODEL IMAGE...

MODEL is a file of `dws export -o model.onnx`, with or without --with-resize. How images are prepared is read from its metadata.
Wants onnxruntime, Pillow and numpy.
"""
import json
import sys

import numpy as np
from PIL import Image, ImageOps


def upright_on_white(path, preprocessing):
    """The first frame of a file, turned as EXIF says, its transparency on the background."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    background = Image.new("RGBA", image.size, preprocessing["background"])
    return Image.alpha_composite(background, image).convert("RGB")


def square(image, preprocessing):
    """What the network sees of an image."""
    size, side, mode = (preprocessing[key] for key in ("imageSize", "resizeTo", "resize"))
    if preprocessing["filter"] != "triangle":
        sys.exit("the model was trained by dws before 0.3, whose resizing PIL does not have: export it with --with-resize")
    scale = {"stretch": None, "cover": side / min(image.size), "contain": side / max(image.size)}[mode]
    width, height = (side, side) if scale is None else (max(1, int(pixels * scale + 0.5)) for pixels in image.size)
    whole = Image.new("RGB", (side, side), preprocessing["background"])
    # Far larger images are averaged over whole blocks first, as libvips does.
    resized = image.resize((width, height), Image.BILINEAR, reducing_gap=2.0)
    whole.paste(resized, (-((width - side + 1) // 2), -((height - side + 1) // 2)))
    start = (side - size) // 2
    return whole.crop((start, start, start + size, start + size))


def main(model, paths):
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    preprocessing = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])
    takes_squares = isinstance(session.get_inputs()[0].shape[1], int)
    for path in paths:
        image = upright_on_white(path, preprocessing)
        pixels = np.asarray(square(image, preprocessing) if takes_squares else image)
        [embeddings] = session.run(["embeddings"], {"images": pixels[np.newaxis]})
        print(json.dumps({"path": path, "embedding": embeddings[0].tolist()}))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python3 embed.py MODEL IMAGE...   (MODEL: a file of dws export -o model.onnx)")
    main(sys.argv[1], sys.argv[2:])
