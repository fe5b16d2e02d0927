"""Reference values for test/runner/metrics: scikit-learn's mutual information. Needs scikit-learn (Debian's python3-sklearn)."""
import json, random
from sklearn.metrics import adjusted_mutual_info_score as ami, normalized_mutual_info_score as nmi
rnd = random.Random(1)
cases = [([1]*6+[2]*6+[3]*5, [1,1,1,1,2,1,2,2,2,2,3,1,3,3,3,2,2]), ([0,0,1,1],[0,0,1,1]), ([0,0,1,1],[1,1,0,0]), ([0,0,0,0],[0,1,2,3]), ([0,1,2,3],[3,2,1,0]), ([5,5,5],[1,1,1])]
for n, a, b in [(30, 4, 6), (200, 20, 25), (300, 60, 60)]:
    classes = [rnd.randrange(a) for _ in range(n)]
    cases.append((classes, [c % b if rnd.random() < 0.6 else rnd.randrange(b) for c in classes]))
print(json.dumps([dict(classes=a, clusters=b, nmi=nmi(a, b), ami=ami(a, b)) for a, b in cases], separators=(",", ":")))
