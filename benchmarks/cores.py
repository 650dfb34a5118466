"""What more cores bring: ``python benchmarks/cores.py``. See README.md beside this file.

The first table is of jobs on more and more threads, the second of many networks that are trained at once. The results go to
results.json, in the place of earlier ones of this script and after those of run.py.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path

from jobs import CLASSIFIER, Job, data_of, jobs_of_tanh, weights_and_biases
from peers import PEERS
from peers.base import ETA
from records import summary
from report import BASES, MORE_THREADS, OURS, SIDE_BY_SIDE, show, tables
from timing import in_turn

from nndl_ext import Dataset, Network
from nndl_ext._engine.threads import processors

PREDICTION = {**CLASSIFIER, "api": "estimator", "call": "predict_proba"}
ON_THREADS = [
    Job((784, 30, 10), 10, 50_000, ()),
    *(Job((784, 100, 10), batch, 50_000, ()) for batch in (32, 200, 1_000, 10_000)),
    jobs_of_tanh()[0],
    Job((784, 512, 512, 10), 128, 5_000, ()),
    Job((8, 100, 1), 200, 20_000, (), data="dense"),
    Job((784, 100, 10), 200, 10_000, (), **PREDICTION, asked=10_000),
]
NETWORKS = 16
AT_ONCE = [
    Job((8, 100, 1), 200, 20_000, (), data="dense", epochs=20),
    Job((784, 30, 10), 10, 50_000, (), epochs=2),
]
DATA: dict[Job, Dataset] = {}  # ready before the clock starts


def by_threads(job, repeats):
    """The seconds of a job on 1, 2, 4 and so on to as many threads as there are processors, and on as many as we choose."""
    x, y = data_of(job)
    peer_type = next(peer for peer in PEERS[job.api] if peer.name == OURS and peer.suits(job))
    peer = peer_type(job, *weights_and_biases(job), x, y)

    def on(threads):
        peer.take_threads(threads)
        getattr(peer, job.call)()

    most = processors()
    counts = [1, *takewhile(lambda count: count < most, (2**power for power in range(1, 11))), *[most] * (most > 1)]
    ways = {f"{count} thread{'s' * (count > 1)}": partial(on, count) for count in counts}
    return in_turn({**ways, "default": partial(on, None)}, repeats)


def prepare(job):
    DATA[job] = Dataset(*data_of(job))


def begin(job, all_ready):
    """Make a process ready, and wait for the others."""
    sys.stdout = io.StringIO()
    prepare(job)
    all_ready.wait()


def train(job, seed):
    """Train a network; return some of what it has learnt."""
    net = Network(job.sizes, dtype=job.dtype, seed=seed)
    net.SGD(DATA[job], job.epochs, job.batch, ETA)
    return net.biases[-1].tolist()


def at_once(job, workers, repeats):
    """The seconds of all networks' trainings: one after the other, in threads of one program, and in as many processes."""
    prepare(job)
    work, seeds, context = partial(train, job), range(NETWORKS), get_context("spawn")
    with (
        redirect_stdout(io.StringIO()),
        ThreadPoolExecutor(workers) as threads,
        ProcessPoolExecutor(workers, context, begin, (job, context.Barrier(workers))) as processes,
    ):
        maps = {BASES[SIDE_BY_SIDE]: map, "in threads": threads.map, "in processes": processes.map}
        ways = {name: partial(lambda each: [*each(work, seeds)], each) for name, each in maps.items()}
        learnt = [way() for way in ways.values()]
        assert learnt == learnt[:1] * len(learnt), "threads or processes have trained other networks"
        return in_turn(ways, repeats)


def measurements(repeats):
    """What there is to measure: the group and the label, and a function that returns the seconds."""
    for job in ON_THREADS:
        yield MORE_THREADS, f"{job.label}, {job.dtype}", partial(by_threads, job, repeats)
    workers = min(processors(), NETWORKS)
    for job in AT_ONCE:
        label = f"{NETWORKS} of {job.label}, {job.dtype}, {job.epochs} epochs, {workers} at once"
        yield SIDE_BY_SIDE, label, partial(at_once, job, workers, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="of which the medians count (%(default)s)")
    parser.add_argument("--only", metavar="PATTERN", help="measure what has this regular expression in its name alone")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="for results.json (%(default)s)")
    arguments = parser.parse_args()
    results = []
    for group, label, seconds in measurements(arguments.repeats):
        name = f"{group}: {label}"
        if re.search(arguments.only or "", name):
            result = {"name": name, "group": group, "label": label, "goals": [], "limit": None, "missing": {}}
            results.append(result | {"seconds": seconds()})
            show(results[-1])
    if not results:
        parser.error(f"--only: no name has the regular expression {arguments.only!r}")
    print(f"\n{tables(map(summary, results))}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / "results.json"
    earlier = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps([result for result in earlier if result["group"] not in BASES] + results, indent=1))


if __name__ == "__main__":
    main()
