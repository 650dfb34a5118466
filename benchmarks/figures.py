"""The measured numbers in the two README.md and in docs: ``python benchmarks/figures.py`` writes them from ``measured``.

With ``--check`` it writes nothing, and fails if a number differs. In Markdown a number stands between ``<!--its name-->`` and
``<!---->``, within a line: at its beginning it would end the paragraph. In reStructuredText it is the substitution of its name.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from jobs import FASTEST, JAX, REFERENCE, SCIKIT
from records import records
from report import OURS, PROCESSES, number, ratio_to, readable, tables

ROOT = Path(__file__).parent.parent
MARKED = {
    ".md": re.compile(r"(?P<before><!--(?P<name>[\w-]+)-->)(?P<text>.*?)(?P<after><!---->)", re.DOTALL),
    ".rst": re.compile(r"(?P<before>^\.\. \|(?P<name>[\w-]+)\| replace:: )(?P<text>.*?)(?P<after>$)", re.MULTILINE),
}


def figures(measured):
    """The text of each figure by its name, and the processors on which it was measured."""
    texts = {"tables": "\n\n".join(["", *map(_section, measured), ""])}
    whole = _labelled(PROCESSES, "main job as a process, 30 epochs float64")
    one_image = _labelled("evaluation", "[784, 30, 10] feedforward 1 mnist, float64")
    kinds = [
        ("run", whole, _seconds(OURS), readable),
        ("run-book", whole, _seconds("other"), readable),
        ("image", one_image, _seconds(OURS), readable),
        ("image-times", one_image, _times(REFERENCE), number),
        ("peers", _compared, _times(FASTEST), number),
        ("estimators", lambda result: result["group"].startswith("scikit-learn"), _times(SCIKIT), number),
    ]
    for dtype in ("float64", "float32"):
        epoch = _labelled(f"sigmoid and descent, {dtype}", "[784, 30, 10] m 10, 50,000 mnist")
        kinds += [(f"epoch-{dtype}", epoch, _seconds(OURS), readable), (f"book-{dtype}", epoch, _times(REFERENCE), number)]
    for name, wanted, value, written in kinds:
        found = {one.processor: [value(result) for result in one.results if wanted(result)] for one in measured}
        if values := [value for values in found.values() for value in values if value]:
            texts[name] = _range(values, written)
            texts[f"{name}-processors"] = _listed([processor for processor, values in found.items() if any(values)])
    return texts


def _section(record):
    return f"### {record.processor}\n\n{record.conditions}:\n\n{tables(record.results)}"


def _labelled(group, label):
    return lambda result: (result["group"], result["label"]) == (group, label)


def _compared(result):
    """Whether it is a training beside JAX, which is almost always the fastest peer."""
    return " and " in result["group"] and JAX in result["medians"]


def _times(peer):
    """How many times as long as ours a peer takes; None if it was not measured."""
    return lambda result: (ratio_to(peer, result["medians"]) or (peer, None))[1]


def _seconds(package):
    return lambda result: result["medians"].get(package)


def _range(values, written):
    """From the lowest to the highest; a unit that both have stands once."""
    low, high = written(min(values)), written(max(values))
    unit = high.partition(" ")[2]
    return low if low == high else f"{low.removesuffix(f' {unit}')} to {high}"


def _listed(processors):
    *others, last = processors
    return f"{', '.join(others)} and {last}" if others else last


def filled(text, suffix, texts):
    """A page's text with the figures in their places."""

    def place(match):
        if match["name"] not in texts:
            raise SystemExit(f"There is no figure {match['name']!r}; there are {', '.join(sorted(texts))}.")
        return f"{match['before']}{texts[match['name']]}{match['after']}"

    return MARKED[suffix].sub(place, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a number differs from what was measured")
    check = parser.parse_args().check
    texts = figures(records())
    differing = []
    for path in [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]:
        text = path.read_text(encoding="utf-8")
        if (new := filled(text, path.suffix, texts)) != text:
            differing.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.write_text(new, encoding="utf-8")
    if differing:
        print("differ from what was measured:" if check else "written:", *differing)
    sys.exit(bool(check and differing))


if __name__ == "__main__":
    main()
