"""Prints which lines of the Cython sources ran, by gcov's counts: tools/cython_lines.py BUILD_TEMP MODULE..."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

# Cython writes this above the C of each statement. Files outside src_cython are its own.
MARKER = re.compile(r'\s*/\* "(.+)":(\d+)$')


def places(source):
    """The (file, line) of Cython that each line of a C file comes from, or None."""
    place = None
    for line in source.read_text().splitlines():
        if line.startswith("}"):
            place = None  # the end of a function
        elif marker := MARKER.match(line):
            place = (Path(marker[1]).name, int(marker[2])) if marker[1].startswith("src_cython") else None
        yield place


def counts(folder, module):
    """How often each line of Cython ran. A line that is compiled for several types ran if it did for one of them."""
    (source,), (notes,) = folder.glob(f"{module}/**/*.c"), folder.glob(f"**/{module}/**/*.gcno")
    report = json.loads(subprocess.check_output(["gcov", "--json-format", "--stdout", notes]))
    (lines,) = (file["lines"] for file in report["files"] if file["file"].endswith(str(source.name)))
    come_from, ran = [None, *places(source)], Counter()
    for line in lines:
        ran[come_from[line["line_number"]]] += line["count"]
    del ran[None]
    return ran


def print_table(ran):
    """One row for each file, and the total."""
    print(f"{'Cython':20}{'lines':>7}{'missed':>8}{'covered':>9}   missing")
    for name in [*sorted({file for file, _ in ran}), "total"]:
        lines = {place: count for place, count in ran.items() if name in (place[0], "total")}
        missed = [str(line) for (_, line), count in sorted(lines.items()) if not count]
        share = 1 - len(missed) / len(lines)
        print(f"{name:20}{len(lines):7}{len(missed):8}{share:9.1%}   {', '.join(missed) if name != 'total' else ''}".rstrip())


ran = Counter()
for module in sys.argv[2:]:
    ran.update(counts(Path(sys.argv[1]), module))
print_table(ran)
