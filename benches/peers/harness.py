"""What the Python peers share: arguments, weights, timing, and the answers that the runner reads.

A program hands `serve` its functions `w1`, `w2`, ..; each is a generator of `case(variant, mode, call, ..)`. Import this before any framework: it
bounds the threads.
"""

import argparse, gc, json, os, struct, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("workload")
parser.add_argument("--data", required=True)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--least", type=float, default=0.1)
args = parser.parse_args()

import numpy as np

ADAM = dict(rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
MLP = ["w6." + s for s in ("w1", "b1", "w2", "b2", "w3", "b3")]
CNN = ["w7." + s for s in ("c1", "cb1", "c2", "cb2", "d1", "db1", "d2", "db2")]
GENERATOR = ["w8." + s for s in ("g1", "gb1", "g2", "gb2", "g3", "gb3")]
DISCRIMINATOR = ["w8." + s for s in ("d1", "db1", "d2", "db2")]
BLOCK = ["w9." + s for s in "wq bq wk bk wv bv wo bo f1 fb1 f2 fb2 ln1g ln1b ln2g ln2b".split()]
LSTM = ["w10." + s for s in ("wx", "wh", "b")]
RNN = ["w10." + s for s in ("rx", "rh", "rb")]

# Name, m, k, n, and which operand lies transposed.
PRODUCTS = [
    ("256", 256, 256, 256, ""),
    ("1024", 1024, 1024, 1024, ""),
    ("2048", 2048, 2048, 2048, ""),
    ("32x784x512", 32, 784, 512, ""),
    ("512x784x512", 512, 784, 512, ""),
    ("784x32x512", 784, 32, 512, ""),
    ("784x512x512", 784, 512, 512, ""),
    ("32x512x784", 32, 512, 784, ""),
    ("784x32x512_tn", 784, 32, 512, "a"),
    ("784x512x512_tn", 784, 512, 512, "a"),
    ("32x512x784_nt", 32, 512, 784, "b"),
    ("512x512x784_nt", 512, 512, 784, "b"),
    ("64", 64, 64, 64, ""),
    ("128", 128, 128, 128, ""),
    ("32x100x64", 32, 100, 64, ""),
    ("1024x256x1024", 1024, 256, 1024, ""),
]


class Arrays:
    """The weights by name, read when asked for."""

    def __init__(self):
        name = "gan" if args.workload == "W13" else "all"
        self.path = os.path.join(args.data, name + ".safetensors")
        with open(self.path, "rb") as f:
            (size,) = struct.unpack("<Q", f.read(8))
            self.header = json.loads(f.read(size))
            self.start = 8 + size

    def __getitem__(self, name):
        entry = self.header[name]
        (begin, end), dtype = entry["data_offsets"], {"F32": np.float32, "I32": np.int32}[entry["dtype"]]
        count = (end - begin) // 4
        return np.fromfile(self.path, dtype, count, offset=self.start + begin).reshape(entry["shape"])


def normal(*shape):
    return np.random.default_rng(4).standard_normal(shape, np.float32)


def products():
    """`(name, a, b, transpose_a, transpose_b)` of W5: f32, then batched, then f64 at 1024."""
    for name, m, k, n, transposed in PRODUCTS:
        a = normal(*((k, m) if transposed == "a" else (m, k)))
        b = normal(*((n, k) if transposed == "b" else (k, n)))
        yield name, a, b, transposed == "a", transposed == "b"
    yield "batched_64x128x64x128", normal(64, 128, 64), normal(64, 64, 128), False, False
    square = normal(1024, 1024).astype(np.float64)
    yield "f64_1024", square, square, False, False


def say(**line):
    print(json.dumps(line), flush=True)


class case:
    """One thing that is measured. `call()` does the work once; `wait(result)` waits until it is done."""

    def __init__(self, variant, mode, call, wait=lambda result: None, per=1, loss=None, once=False):
        self.variant, self.mode, self.loss = variant, mode, loss
        self.call, self.wait, self.per, self.once, self.calls = call, wait, per, once, None
        if not once:
            for _ in range(3):
                wait(call())

    def seconds(self, n):
        start = time.perf_counter()
        for _ in range(n):
            result = self.call()
        self.wait(result)
        return time.perf_counter() - start

    def enough(self):
        """How many calls take `--least` seconds."""
        n = 1
        while True:
            took = self.seconds(n)
            if took >= 0.3 * args.least:
                return max(1, int(n * args.least / took))
            n = max(n + 1, int(n * min(10, 0.5 * args.least / max(took, 1e-9))))

    def measure(self):
        """Seconds a call. A case that is measured `once` a round says itself how many seconds counted."""
        if self.once:
            return self.call()
        self.wait(self.call())
        self.calls = self.calls or self.enough()
        return self.seconds(self.calls) / self.calls / self.per


def first_calls(make):
    """W3: `make()` gives a fresh step that takes a batch size and waits; times its first call, and its first of another size."""

    def first():
        step = make()
        start = time.perf_counter()
        step(64)
        return time.perf_counter() - start

    def retrace():
        step = make()
        step(64)
        start = time.perf_counter()
        step(48)
        return time.perf_counter() - start

    return (("first_call", first), ("retrace", retrace))


def peak_memory():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def serve(workloads, process, version):
    """Serves the workload that was asked for until the input ends. `process()` is W13: it trains 100 pairs and gives its mode and last loss."""
    if args.workload == "W13":
        mode, loss = process()
        say(mode=mode, loss=loss, peak_mb=peak_memory())
        return
    cases = []
    for c in workloads.get(args.workload.lower(), lambda: ())():
        cases.append(c)
        say(variant=c.variant, mode=c.mode, loss=c.loss)
    say(ready=len(cases), version=version)
    gc.collect()
    gc.disable()
    for line in sys.stdin:
        say(seconds=cases[int(line)].measure())
