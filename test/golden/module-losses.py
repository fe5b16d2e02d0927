"""Writes module-losses.json: the losses of examples/modules and their gradients, in float64. python3 module-losses.py > module-losses.json"""
import json

import torch
from torch.nn.functional import cross_entropy, normalize, relu

BATCH, K, DIM, CLASSES = 6, 2, 4, 7
torch.manual_seed(8)
embeddings = normalize(torch.randn(BATCH, DIM, dtype=torch.float64), dim=1)
labels = torch.tensor([4, 4, 0, 0, 6, 6])
proxies = torch.randn(CLASSES, DIM, dtype=torch.float64)


def contrastive(embeddings, boundary, margin=0.2):
    distances = (2 - 2 * embeddings @ embeddings.T).clamp(min=1e-4).sqrt()
    same = labels[:, None] == labels[None, :]
    pull = relu(distances[same] - (boundary - margin)).square().sum() / (BATCH * (K - 1))
    push = relu(boundary + margin - distances[~same]).square().sum() / (BATCH * (BATCH - K))
    return pull + push, {"pull": pull, "push": push}


def cosine_proxy(embeddings, proxies, temperature=0.05):
    cosines = embeddings @ normalize(proxies, dim=1).T
    accuracy = (cosines.argmax(1) == labels).double().mean()
    return cross_entropy(cosines / temperature, labels), {"accuracy": accuracy}


cases = {}
for name, loss_of, own in (
    ("contrastive-loss", contrastive, torch.tensor(0.9, dtype=torch.float64)),
    ("cosine-proxy-loss", cosine_proxy, proxies),
):
    inputs = [embeddings.clone().requires_grad_(), own.clone().requires_grad_()]
    loss, statistics = loss_of(*inputs)
    loss.backward()
    cases[name] = {
        "own": own.flatten().tolist(),
        "loss": loss.item(),
        "statistics": {key: value.item() for key, value in statistics.items()},
        "gradients": [x.grad.flatten().tolist() for x in inputs],
    }
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "batch": [BATCH, K, DIM, CLASSES],
            "embeddings": embeddings.flatten().tolist(),
            "labels": labels.tolist(),
            "cases": cases,
        }
    )
)
