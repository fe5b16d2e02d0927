"""Writes resize.json: what PIL makes of small images, as torchvision's Resize and CenterCrop do. python3 resize.py > resize.json"""
import base64
import json

from PIL import Image

# Width and height, the square that they become, and its middle.
STRETCHED = [(4, 1, 8, 8), (4, 4, 8, 8), (5, 7, 16, 16), (1, 3, 16, 16), (15, 16, 16, 16), (9, 5, 20, 15), (40, 5, 16, 16), (7, 90, 16, 12), (64, 31, 16, 16)]
KEPT = [(5, 7, 16, 16), (11, 4, 16, 16), (9, 5, 20, 15), (3, 2, 24, 16)]


def draw(width, height):
    """As `drawn` in the tests that read this."""
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            image.putpixel((x, y), tuple((x * x * 7 + x * y * 13 + y * 29 + c * 85) % 256 for c in range(3)))
    return image


def middle(image, size):
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def covered(image, square):
    scale = square / min(image.size)
    width, height = [int(side * scale + 0.5) for side in image.size]
    left, top = (width - square + 1) // 2, (height - square + 1) // 2
    return image.resize((width, height), Image.BILINEAR).crop((left, top, left + square, top + square))


def contained(image, square):
    scale = square / max(image.size)
    width, height = [max(1, int(side * scale + 0.5)) for side in image.size]
    whole = Image.new("RGB", (square, square), "white")
    whole.paste(image.resize((width, height), Image.BILINEAR), ((square - width) // 2, (square - height) // 2))
    return whole


def stretched(image, square):
    return image.resize((square, square), Image.BILINEAR)


cases = []
for mode, make, sizes in (("stretch", stretched, STRETCHED), ("cover", covered, KEPT), ("contain", contained, KEPT)):
    for width, height, square, size in sizes:
        pixels = middle(make(draw(width, height), square), size).tobytes()
        squares = {"imageSize": size, "resizeTo": square, "resize": mode, "filter": "triangle"}
        cases.append({"width": width, "height": height, "squares": squares, "pixels": base64.b64encode(pixels).decode()})

row = Image.new("L", (4, 1))
row.putdata([0, 100, 200, 50])
twice = list(row.resize((8, 1), Image.BILINEAR).getdata())
print(json.dumps({"row": twice, "cases": cases}))
