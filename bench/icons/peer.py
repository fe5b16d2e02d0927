#!/usr/bin/env python3
"""The quick start's training in PyTorch: same icons, same settings, sampling and loss of the reference values' generator.

    apt-get install -y python3-torch python3-torchvision libopenblas0-openmp
    /usr/bin/python3 bench/icons/peer.py ICONS STEPS [--golden ../shared/golden]

Prints Recall@1, 2, 4 and 8 on ICONS/val before training and after every 200 steps. The other side of the comparison:

    dws train --data-path ICONS --model resnet18 --image-size 64 --batch-size 80 --batch-k 5 --optimizer adam --lr 3e-4 \
      --wd 1e-4 --lr-beta 0.1 --batch-num 200 --epochs 3 --seed 1
"""
import argparse, os, sys, time
import numpy as np, torch, torchvision
from PIL import Image

p = argparse.ArgumentParser()
p.add_argument("icons"); p.add_argument("steps", type=int); p.add_argument("--golden", default="../shared/golden")
a = p.parse_args()
sys.path.insert(0, a.golden)
from generate import distance_weights, margin_loss, pick, triplets

SIZE, BATCH, K, BETA, MARGIN = 64, 80, 5, 1.2, 0.2
torch.set_num_threads(2); torch.manual_seed(1); rng = np.random.default_rng(1)


def load(split):
    root, images, labels = os.path.join(a.icons, split), [], []
    for label, name in enumerate(sorted(os.listdir(root))):
        for file in sorted(os.listdir(os.path.join(root, name))):
            images.append(np.asarray(Image.open(os.path.join(root, name, file)).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR)))
            labels.append(label)
    return np.stack(images), np.array(labels)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.base_net, self.dense = torchvision.models.resnet18(num_classes=512), torch.nn.Linear(512, 128)

    def forward(self, x):
        return torch.nn.functional.normalize(self.dense(self.base_net(x)), dim=1)


(x_train, y_train), (x_val, y_val) = load("train"), load("val")
classes = y_train.max() + 1
members = [np.where(y_train == c)[0] for c in range(classes)]
mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([.485, .456, .406], [.229, .224, .225]))
prepare = lambda images: (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / std
net, beta = Net(), torch.full((classes,), BETA, requires_grad=True)
optimizer = torch.optim.Adam(net.parameters(), 3e-4, weight_decay=1e-4)
optimizer_beta = torch.optim.SGD([beta], .1, momentum=.9, weight_decay=1e-4)


def recall():
    net.eval()
    with torch.no_grad():
        e = torch.cat([net(prepare(x_val[i:i + 256])) for i in range(0, len(x_val), 256)])
    net.train()
    s = e @ e.t(); s.fill_diagonal_(-9)
    hit = torch.from_numpy(y_val)[s.topk(8, 1)[1]] == torch.from_numpy(y_val)[:, None]
    return [round(hit[:, :k].any(1).float().mean().item(), 4) for k in (1, 2, 4, 8)]


print("before", recall(), flush=True)
start = time.time()
for step in range(1, a.steps + 1):
    chosen = np.concatenate([rng.choice(members[c], K, replace=False) for c in rng.choice(classes, BATCH // K, replace=False)])
    images = x_train[chosen].copy()
    for j in np.flatnonzero(rng.random(BATCH) < .5):
        images[j] = images[j][:, ::-1]
    e = net(prepare(images))
    negatives = pick(distance_weights(e.detach().double(), K), rng.random((BATCH, K - 1)))
    A, P, Q = triplets(BATCH, K, negatives)
    loss, pairs = margin_loss(e, A, P, Q, beta[torch.from_numpy(y_train[chosen])[A]], MARGIN, 0.)
    optimizer.zero_grad(); optimizer_beta.zero_grad(); loss.backward(); optimizer.step(); optimizer_beta.step()
    if step % 200 == 0:
        print("after", step, recall(), f"{(time.time() - start) / step:.3f} s a step", flush=True)
