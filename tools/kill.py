"""Kills programs that save and train networks at random moments, and checks that nothing is lost.

Half of the kills hit a process that saves two networks alternately: the file must always hold one of them completely. The
others hit ``nndl-ext train --save`` and then ``--resume``, until the training is finished. After each kill, the file and the
learning curve must load. At the end, both must equal those of an undisturbed training to the last byte. The signal is SIGKILL,
which a program can't catch.

    python tools/kill.py [KILLS]     200 kills by default; prints the results, and exits with 1 if anything was lost
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from nndl_ext import Network, load

SAVE_ALWAYS = """
import sys
from nndl_ext import Network
nets = [Network([300, 100, 10], seed=seed) for seed in (0, 1)]
for i in range(10**9):
    nets[i % 2].save(sys.argv[1])
    print(flush=True)
"""
SIZES = [300, 100, 10]
EPOCHS = 12
TRAIN = [sys.executable, "-m", "nndl_ext", "train"]
OPTIONS = ["--sizes", "784,10,10", "--seed", "5", "--epochs", str(EPOCHS)]


def bits(net):
    return b"".join(array.tobytes() for array in (*net.biases, *net.weights))


def run(command, seconds):
    """Run a process, kill it after some seconds, and return whether it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}: {error}")
    return False


def kill_savings(kills, path, rng):
    """Count which network each kill left in the file."""
    names = {bits(Network(SIZES, seed=seed)): f"network {seed}" for seed in (0, 1)}
    found = Counter()
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", SAVE_ALWAYS, path], stdout=subprocess.PIPE)
        process.stdout.readline()  # wait for the first save
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.communicate()
        found[names.get(bits(load(path)), "another network")] += 1
    return found


def kill_trainings(kills, folder, rng):
    """The number of finished trainings, and of those whose bits differ from an undisturbed training."""
    undisturbed, path = folder / "undisturbed.npz", folder / "killed.npz"
    start = time.perf_counter()
    curve, undisturbed_curve = path.with_suffix(".json"), undisturbed.with_suffix(".json")
    run([*TRAIN, *OPTIONS, "--save", undisturbed, "--curve", undisturbed_curve], 600)
    longest = time.perf_counter() - start
    expected = undisturbed.read_bytes(), undisturbed_curve.read_bytes()
    killed = trainings = different = 0
    while killed < kills or path.exists():
        begin = [*TRAIN, "--resume", path] if path.exists() else [*TRAIN, *OPTIONS, "--save", path]
        interrupted = run([*begin, "--curve", curve], rng.uniform(0.1, longest) if killed < kills else 600)
        killed += interrupted
        if path.exists():
            load(path)
        elif "--resume" in begin:
            sys.exit("a file has vanished")
        if curve.exists():
            json.loads(curve.read_bytes())
        if not interrupted:
            trainings += 1
            different += (path.read_bytes(), curve.read_bytes()) != expected
            path.unlink()
            curve.unlink()
    return trainings, different


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rng = random.Random()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = kill_savings(kills // 2, folder / "net.npz", rng)
        print(f"{kills // 2} kills while saving: each left a file that loads: {dict(found)}", flush=True)
        trainings, different = kill_trainings(kills - kills // 2, folder, rng)
        print(f"{kills - kills // 2} kills while training: each left a file that loads, or no file yet")
        print(f"{trainings} trainings finished; the bits of {different} differ from those of an undisturbed one")
        print(f"{len(list(folder.glob('*.tmp')))} temporary files were left behind")
    return bool(found["another network"] or different)


if __name__ == "__main__":
    sys.exit(main())
