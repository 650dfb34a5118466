"""The figures of speed in the README and the documentation are those that were measured."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="the tests stand alone")


def figures(root, *options):
    command = [sys.executable, root / "benchmarks" / "figures.py", *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """A copy of the pages, the measurements and the script."""
    for folder in ("benchmarks", "docs"):
        ignored = shutil.ignore_patterns("_build", "results", "__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_every_figure_is_what_was_measured():
    done = figures(ROOT, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_no_figure_ends_a_paragraph(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.findall(r"^\s*<!--(\w[\w-]*)-->", text, re.MULTILINE) == ["tables"] * (page == "benchmarks/README.md")


def test_a_figure_is_the_range_over_all_processors(copy):
    pages = ["README.md", "benchmarks/README.md", "docs/index.rst"]
    slow = json.loads((ROOT / "benchmarks" / "measured" / "amd-epyc-zen-5.json").read_text(encoding="utf-8"))
    slow["processor"] = "Z80"
    for result in slow["results"]:
        result["medians"] = {name: 1.0 if name == "nndl-ext" else 0.5 for name in result["medians"]}
    (copy / "benchmarks" / "measured" / "z80.json").write_text(json.dumps(slow), encoding="utf-8")

    before = [(copy / page).read_text(encoding="utf-8") for page in pages]
    done = figures(copy, "--check")
    assert done.returncode == 1
    assert done.stdout == f"differ from what was measured: {' '.join(pages)}\n"
    assert [(copy / page).read_text(encoding="utf-8") for page in pages] == before

    assert figures(copy).returncode == 0
    for page in pages:
        text = (copy / page).read_text(encoding="utf-8")
        assert "0.5 to 155" in text
        assert "AMD EPYC (Zen 5), Intel Xeon (Emerald Rapids) and Z80" in text
    assert figures(copy, "--check").returncode == 0


def test_an_unknown_figure_is_an_error(copy):
    page = copy / "README.md"
    page.write_text(text := page.read_text(encoding="utf-8") + "<!--warp-->9<!---->", encoding="utf-8")
    done = figures(copy)
    assert done.returncode == 1
    assert "There is no figure 'warp'; there are book-float32," in done.stderr
    assert page.read_text(encoding="utf-8") == text


def test_a_table_of_speed_ups_begins_with_the_time_of_the_first_way(copy):
    medians = {"default": 1.0, "16 threads": 1.5, "2 threads": 3.0, "1 thread": 6.0}
    result = {"group": "speed-up by more threads", "label": "a job", "goals": [], "limit": None, "medians": medians}
    record = {"processor": "Z80", "conditions": "Alone", "results": [result]}
    (copy / "benchmarks" / "measured" / "z80.json").write_text(json.dumps(record), encoding="utf-8")

    assert figures(copy).returncode == 0
    text = (copy / "benchmarks" / "README.md").read_text(encoding="utf-8")
    lines = [
        "| job | 1 thread | 2 threads | 16 threads | default |",
        "|---|---|---|---|---|",
        "| a job | 6 s | 2.00 | 4.00 | 6.00 |",
    ]
    assert "\n".join(lines) in text
