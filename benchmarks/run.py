"""Measure nndl-ext and its peers side by side: ``python benchmarks/run.py``. See README.md beside this file."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

from jobs import JOBS, data_of, weights_and_biases
from records import MAIN, keep
from report import OURS, PROCESSES, readable, show
from timing import in_turn


def measure(job, repeats):
    """What is found of a job, after a check that all compute the same: the seconds of each repeat by peer, why others are
    missing, and the least time there could be."""
    import limits
    import numpy as np
    from peers import PEERS

    x, y = data_of(job)
    weights, biases = weights_and_biases(job)
    peers, missing, shares = {}, {}, {}
    for peer_type in PEERS[job.api]:
        if not peer_type.suits(job):
            continue
        samples = min(job.rows, max(job.batch, job.rows // peer_type.part))
        try:
            peer = peer_type(job, weights, biases, x[:samples], y[:samples])
        except ImportError as error:
            missing[peer_type.name] = str(error)
            continue
        if getattr(peer, job.call, None) is None:
            continue
        evidence = peer.evidence()
        if evidence is not None:
            expected = next(iter(peers.values())).evidence() if peers else evidence
            tolerance = 1e-9 if job.dtype == "float64" else 1e-3
            assert np.linalg.norm(evidence - expected) <= tolerance * np.linalg.norm(expected), peer_type.name
        peers[peer.name], shares[peer.name] = peer, samples / job.rows * job.epochs
    seconds = in_turn({name: getattr(peer, job.call) for name, peer in peers.items()}, repeats)
    seconds = {name: [time / shares[name] for time in times] for name, times in seconds.items()}
    try:
        limit = limits.seconds(job, peers[OURS].data) if job.api == "network" else None
    except (OSError, subprocess.CalledProcessError) as error:
        limit, missing["the limit"] = None, str(error)
    return {"seconds": seconds, "missing": missing, "limit": limit}


def in_a_process(job, repeats):
    """``measure`` in a process of its own, held to the job's number of cores before any package starts its threads."""
    threads = str(job.threads)
    settings = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NNDL_EXT_NUM_THREADS"), threads)
    settings["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={str(job.threads > 1).lower()}"
    command = [sys.executable, __file__, "--job", str(JOBS.index(job)), "--repeats", str(repeats)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")} | settings
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    described = {"name": str(job), "label": job.label, "group": job.group, **asdict(job)}
    return described | json.loads(result.stdout.splitlines()[-1])


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
    pairs = _alternate("from nndl_ext import Network", "import numpy", 4 * repeats)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="of which the medians count (%(default)s)")
    parser.add_argument("--only", metavar="PATTERN", help="measure the jobs with this regular expression in their name alone")
    parser.add_argument("--list", action="store_true", help="print the jobs, and measure nothing")
    parser.add_argument("--keep", metavar="PROCESSOR", help="keep what is in results.json as this processor's; measure nothing")
    parser.add_argument("--conditions", help="of what is kept: cores, repeats, the date, the compiler and the libraries")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="for results.json and results.png")
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    file = arguments.output / "results.json"
    jobs = [job for job in JOBS if re.search(arguments.only or "", str(job))]
    if not jobs:
        parser.error(f"--only: no job's name has the regular expression {arguments.only!r}; --list prints the names")
    if arguments.job is not None:
        job = JOBS[arguments.job]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.cores])
        print(json.dumps(measure(job, arguments.repeats)))
    elif arguments.list:
        print(*(str(job) for job in jobs), sep="\n")
    elif arguments.keep:
        if not arguments.conditions:
            parser.error("--keep needs --conditions")
        results = json.loads(file.read_text())
        keep(arguments.keep, arguments.conditions, results)
        if arguments.keep == MAIN:
            draw(results, Path(__file__).with_name("results.png"))
    else:
        arguments.output.mkdir(parents=True, exist_ok=True)
        results = []
        for job in jobs:
            results.append(in_a_process(job, arguments.repeats))
            show(results[-1])
        if not arguments.only:
            results += whole_processes(arguments.repeats)
        file.write_text(json.dumps(results, indent=1))
        draw(results, arguments.output / "results.png")


def whole_processes(repeats):
    """The results of `processes`, printed."""
    results = []
    print()
    for name, goal, ours, theirs in processes(repeats):
        print(f"{name}: {readable(median(ours))} against {readable(median(theirs))}")
        print(f"    -> {median(theirs) / median(ours):.2f} times (goal {goal:.2f})", flush=True)
        seconds = {OURS: ours, "other": theirs}
        results.append({"group": PROCESSES, "label": name, "goals": [("other", goal)], "limit": None, "seconds": seconds})
    return results


def draw(results, path):
    try:
        from chart import draw
    except ImportError as error:
        print(f"no chart: {error}")
    else:
        draw([result for result in results if "sizes" in result], path)


if __name__ == "__main__":
    main()
