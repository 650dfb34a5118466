"""Measure nndl-ext and its peers side by side: ``python benchmarks/run.py``. See README.md beside this file."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from timeit import timeit


@dataclass(frozen=True)
class Job:
    """Something to measure: ``call`` is the peers' method, ``goal`` the wanted ratio to the fastest peer or the reference."""

    sizes: tuple[int, ...]
    batch: int
    dtype: str
    samples: int
    threads: int
    call: str
    goals: tuple[tuple[str, float], ...]
    data: str = "mnist"

    @property
    def name(self):
        what = {"train": f"epoch of {self.samples:,} m={self.batch}", "predict": f"feedforward {self.samples:,}"}
        cores = "" if self.threads == 1 else f" on {self.threads} cores"
        return f"{what.get(self.call, f'{self.call} {self.samples:,}')} {list(self.sizes)} {self.dtype}{cores}"


BOOK, REFERENCE, FASTEST = (784, 30, 10), "the book's NumPy", "fastest other peer"
JOBS = [
    Job(BOOK, 10, "float64", 50_000, 1, "train", ((REFERENCE, 50), (FASTEST, 3.5))),
    Job(BOOK, 10, "float32", 50_000, 1, "train", ((REFERENCE, 90), (FASTEST, 5))),
    Job((784, 100, 10), 10, "float32", 50_000, 1, "train", ((FASTEST, 5),)),
    Job((784, 30, 30, 30, 30, 10), 10, "float32", 10_000, 1, "train", ((FASTEST, 4),)),
    Job((100, 64, 64, 10), 32, "float32", 20_000, 1, "train", ((FASTEST, 1.5),), "dense"),
    Job((784, 1000, 1000, 10), 100, "float32", 5_000, 2, "train", ((FASTEST, 1.2),)),
    Job((784, 1000, 1000, 10), 100, "float64", 5_000, 2, "train", ((FASTEST, 1.2),)),
    Job(BOOK, 10, "float64", 10_000, 1, "evaluate", ((REFERENCE, 100),)),
    Job(BOOK, 10, "float64", 1, 1, "predict", ((REFERENCE, 6),)),
    Job((784, 1000, 10), 10, "float32", 10_000, 2, "predict", ((FASTEST, 1.0),)),
]


def measure(job, repeats):
    """The seconds of each repeat of a job, by peer, after a check that all compute one gradient; and why others are missing."""
    import numpy as np
    from peers import PEERS

    import nndl_ext
    from nndl_ext import mnist_loader

    if job.data == "mnist":
        data = nndl_ext.Dataset.from_pairs(mnist_loader.load_data_wrapper()[0][: job.samples])
        x, y = np.ascontiguousarray(data.x, job.dtype), np.ascontiguousarray(data.y, job.dtype)
    else:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((job.samples, job.sizes[0])).astype(job.dtype)
        y = np.eye(job.sizes[-1], dtype=job.dtype)[rng.integers(0, job.sizes[-1], job.samples)]
    start = nndl_ext.Network(job.sizes, dtype=job.dtype, seed=0)
    weights = [np.ascontiguousarray(w / np.sqrt(w.shape[1]), job.dtype) for w in start.weights]
    peers, missing = [], {}
    for peer_type in PEERS:
        samples = max(1, job.samples // peer_type.part)
        try:
            peer = peer_type(job, weights, start.biases, x[:samples], y[:samples])
        except ImportError as error:
            missing[peer_type.name] = str(error)
            continue
        call = getattr(peer, job.call, None)
        if call is None:
            continue
        gradient = peer.gradient()
        if gradient is not None:
            expected = peers[0][0].gradient() if peers else gradient
            tolerance = 1e-9 if job.dtype == "float64" else 1e-3
            assert np.linalg.norm(gradient - expected) <= tolerance * np.linalg.norm(expected), peer_type.name
        peers.append((peer, call, job.samples / samples))
    seconds = {peer.name: [] for peer, _, _ in peers}
    for _, call, _ in peers:  # compile, fill caches
        call()
    calls = [max(1, int(0.02 / timeit(call, number=1))) for _, call, _ in peers]
    for _ in range(repeats):
        for (peer, call, times), number in zip(peers, calls, strict=True):
            call()  # brings back to the caches what the peer before has driven out, and lets its threads fall asleep
            seconds[peer.name].append(timeit(call, number=number) / number * times)
    return seconds, missing


def in_a_process(job, repeats):
    """``measure`` in a process of its own, held to the job's number of cores before any package starts its threads."""
    threads = str(job.threads)
    settings = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NNDL_EXT_NUM_THREADS"), threads)
    command = [sys.executable, __file__, "--job", str(JOBS.index(job)), "--repeats", str(repeats)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")} | settings
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def processes(repeats):
    """What is measured as whole processes: loading, importing, and the main job. Yields name, goal, ours and theirs."""
    from nndl_ext import mnist_loader

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.pkl.gz"
        path.write_bytes(gzip.compress(pickle.dumps(mnist_loader.load_data()), 6))
        book = f"""
import gzip, pickle, numpy as np
with gzip.open({str(path)!r}) as f: sets = pickle.load(f)
def column(j):
    e = np.zeros((10, 1)); e[j] = 1.0; return e
data = [[(np.reshape(x, (784, 1)), column(y) if i == 0 else y) for x, y in zip(*sets[i])] for i in range(3)]
"""
        ours = "from nndl_ext import mnist_loader\ndata = mnist_loader.load_data_wrapper()"
        timed = "import numpy, pickle, gzip, time, nndl_ext\nb = time.perf_counter()\n{}\nprint(time.perf_counter() - b)"
        yield "load_data_wrapper", 3, *_alternate(timed.format(ours), timed.format(book), repeats, inside=True)
    pairs = _alternate("import nndl_ext", "import numpy", 4 * repeats)
    empty = median(_run("pass") for _ in range(4 * repeats))
    yield "import, of numpy's time", 1 / 1.15, *([t - empty for t in times] for times in pairs)
    job = "from nndl_ext import mnist_loader, {0}\na, b, c = mnist_loader.load_data_wrapper()\n"
    job += "net = {0}.Network([784, 30, 10], seed=0)\nnet.SGD({2}, {1}, 10, 3.0, test_data={3})"
    ours = job.format("network", 30, "a", "c")
    if sys.platform == "linux":  # of this process alone, unlike what getrusage says
        peak = 'print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))'
        print(f"main job's peak memory: {_run(f'{ours}{chr(10)}{peak}', inside=True) / 1024:.0f} MB (goal 350)")
    full = _alternate(ours, job.format("reference", 1, "[*map(tuple, a)]", "[*map(tuple, c)]"), max(1, repeats // 3))
    alone = _run("from nndl_ext import mnist_loader, reference\na, b, c = mnist_loader.load_data_wrapper()")
    yield "main job as a process, 30 epochs float64", 45, full[0], [alone + 30 * (t - alone) for t in full[1]]


def _run(code, inside=False):
    compiled_once = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    output = subprocess.run(
        [sys.executable, "-c", code], env=compiled_once, stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    return float(output.splitlines()[-1]) if inside else time.perf_counter() - begin


def _alternate(ours, theirs, repeats, inside=False):
    return tuple(zip(*((_run(ours, inside), _run(theirs, inside)) for _ in range(repeats)), strict=True))


def ratios(job, seconds):
    """Each goal's wanted and measured ratio of medians."""
    medians = {name: median(times) for name, times in seconds.items()}
    ours = medians.pop("nndl-ext")
    for against, wanted in job.goals:
        others = {k: v for k, v in medians.items() if (k == REFERENCE) == (against == REFERENCE)}
        if others:
            name, fastest = min(others.items(), key=lambda item: item[1])
            yield name, wanted, fastest / ours


def readable(seconds):
    scale, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= s or u == "us")
    return f"{seconds / scale:.3g} {unit}"


def spread(times):
    low, _, high = quantiles(times, n=4) if len(times) > 1 else (times[0],) * 3
    return f"{(high - low) / 2 / median(times):.0%}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="of which the medians count (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="for results.json and results.png")
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job is not None:
        job = JOBS[arguments.job]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
        print(json.dumps(measure(job, arguments.repeats)))
        return

    results = []
    for job in JOBS:
        seconds, missing = in_a_process(job, arguments.repeats)
        print(f"\n{job.name}", flush=True)
        for name, times in sorted(seconds.items(), key=lambda item: median(item[1])):
            print(f"    {name:20}{readable(median(times)):>10}  +- {spread(times)}")
        for name, reason in missing.items():
            print(f"    {name:20}   missing: {reason}")
        for name, wanted, ratio in ratios(job, seconds):
            print(f"    -> {ratio:.2f} times {name} (goal {wanted})", flush=True)
        results.append({"name": job.name, **asdict(job), "seconds": seconds, "missing": missing})
    print()
    for name, goal, ours, theirs in processes(arguments.repeats):
        print(f"{name}: {readable(median(ours))} against {readable(median(theirs))}")
        print(f"    -> {median(theirs) / median(ours):.2f} times (goal {goal:.2f})", flush=True)
        results.append({"name": name, "seconds": {"nndl-ext": ours, "other": theirs}})
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1))
    try:
        from chart import draw
    except ImportError as error:
        print(f"no chart: {error}")
    else:
        draw([result for result in results if "sizes" in result], arguments.output / "results.png")


if __name__ == "__main__":
    main()
