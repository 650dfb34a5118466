"""The measurements that are kept, in ``measured``: for each processor a file with the median times of each job."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FOLDER = Path(__file__).with_name("measured")
MAIN = "AMD EPYC (Zen 5)"  # of which the pictures are drawn


@dataclass(frozen=True)
class Record:
    """What was measured on a processor, and under which conditions.

    Each result has the job's label, group and goals, the limit in seconds, and the median seconds of each package.
    """

    processor: str
    conditions: str
    results: list[dict]


def records():
    """All that are kept, by the names of their files."""
    return [Record(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json"))]


def record_of(processor):
    """That of one processor."""
    return next(record for record in records() if record.processor == processor)


def keep(processor, conditions, results):
    """Keep the medians of ``results``, as run.py has written them, in place of an earlier record of the processor."""
    path = FOLDER / f"{'-'.join(re.findall(r'[a-z0-9]+', processor.lower()))}.json"
    head = json.dumps({"processor": processor, "conditions": conditions, "results": []}, indent=1)
    lines = ",\n".join(f"  {json.dumps(summary(result))}" for result in results)
    path.write_text(head.replace("[]", f"[\n{lines}\n ]") + "\n", encoding="utf-8")


def medians_of(result):
    """Each package's median time, the fastest first."""
    return dict(sorted(((name, median(times)) for name, times in result["seconds"].items()), key=lambda item: item[1]))


def summary(result):
    """What is kept of a result."""
    limit = result["limit"] and _rounded(result["limit"])
    medians = {name: _rounded(seconds) for name, seconds in medians_of(result).items()}
    return {key: result[key] for key in ("group", "label", "goals")} | {"limit": limit, "medians": medians}


def _rounded(seconds):
    return float(f"{seconds:.5g}")
