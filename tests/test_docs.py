"""The documentation: its examples are right, and every public name is listed and has an example."""

import doctest
import importlib
import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import nndl_ext
from nndl_ext._commands.main import _COMMANDS
from nndl_ext._commands.options import parser

DOCS = Path(__file__).parent.parent / "docs"
if not DOCS.exists():
    pytest.skip("the documentation is not part of an installed package", allow_module_level=True)

PAGES = [path for path in sorted(DOCS.rglob("*.rst")) if ">>>" in path.read_text(encoding="utf-8")]
MODULES = ["export", "mnist_loader", "network", "network2", "page", "perceptron", "plot", "reference", "sklearn"]
NEEDS = {
    "export": ["onnx", "skl2onnx", "sklearn"],
    "plot": ["matplotlib"],
    "sklearn": ["sklearn"],
    "mnist_loader": ["PIL"],
    "tutorial.rst": ["matplotlib"],
    "howto/data_files.rst": ["PIL", "pyarrow", "scipy", "sklearn", "h5py"],
    "howto/many_machines.rst": ["sklearn"],
    "howto/own_images.rst": ["PIL", "matplotlib"],
    "howto/reproduce.rst": ["matplotlib"],
    "howto/sklearn.rst": ["sklearn", "pandas"],
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def _pictures(monkeypatch):
    """Draw pictures without a screen, and close them after each test."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def require(name):
    """Skip a test whose library is not installed."""
    for library in NEEDS.get(name, []):
        pytest.importorskip(library)


def public_of(name):
    """The public names of a module, with their values."""
    module = importlib.import_module(f"nndl_ext.{name}" if name else "nndl_ext")
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", None) or [key for key in own if key[0] != "_"]
    return {key: value for key in names if inspect.isroutine(value := getattr(module, key)) or inspect.isclass(value)}


def listed():
    """The names on the API page, by module."""
    names, module = {}, None
    for line in (DOCS / "api.rst").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\.\. automodule:: (\S+)", line):
            module = match[1].removeprefix("nndl_ext").removeprefix(".")
        elif match := re.match(r"   (\w+)$", line):
            names.setdefault(module, set()).add(match[1])
    return names


@pytest.mark.parametrize("module", ["", *MODULES])
def test_the_api_page_lists_every_public_name(module):
    require(module)
    public, names = public_of(module), listed()
    assert names[module] <= {*public}
    elsewhere = {value for other in ("", "network") if other != module for value in map(public_of(other).get, names[other])}
    assert {name for name, value in public.items() if value not in elsewhere} <= names[module]


@pytest.mark.parametrize("module", ["", *MODULES])
def test_tab_completion_shows_public_names_alone(module):
    require(module)
    found = importlib.import_module(f"nndl_ext.{module}".rstrip("."))
    assert sorted(dir(found)) == sorted(found.__all__)


def test_the_api_page_has_every_public_module():
    files = {path.stem for path in Path(nndl_ext.__file__).parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    programs = {"bench", "config", "runs", "data"}  # used by the command line, or offered by the package itself
    assert {name for name in files if name[0] != "_"} - programs == {*MODULES}


@pytest.mark.parametrize("module", ["", *MODULES])
def test_every_public_name_has_an_example_that_gives_what_it_says(module, tmp_path, monkeypatch):
    require(module)
    monkeypatch.chdir(tmp_path)
    name = f"nndl_ext.{module}".rstrip(".")
    public = public_of(module) | {name: importlib.import_module(name)}
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for key, value in public.items():
        home = value if inspect.ismodule(value) else inspect.getmodule(value)
        if not inspect.ismodule(value):
            assert ">>>" in (value.__doc__ or ""), f"{key} has no example"
            assert "Examples\n" in value.__doc__
        found = doctest.DocTestFinder(recurse=not inspect.ismodule(value)).find(value, key, module=home, globs=dict(vars(home)))
        for test in found:
            runner.run(test)
    result = runner.summarize()
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_examples_of_a_page(page, tmp_path, monkeypatch):
    require(page.relative_to(DOCS).as_posix())
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.rst")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_commands_of_a_page_are_commands(page):
    for line in re.findall(r"^   (nndl-ext .*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        parser(_COMMANDS).parse_args(shlex.split(line)[1:])


def test_a_built_site_is_checked(tmp_path):
    pages = {
        "index.html": '<a href="a.html">fine</a><a id="here" href="#here">fine</a><a href="https://x.org">fine</a>',
        "a.html": '<a href="none.html">1</a><a href="index.html#none">2</a><img src="//x.org/3.png"><script src="https://x.org/4">',
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "own.css").write_text('body { background: url("https://x.org/5.png") } p { background: url(data:,) }')
    command = [sys.executable, DOCS.parent / "tools" / "check_site.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "a.html fetches //x.org/3.png",
        "a.html fetches https://x.org/4",
        "a.html links to index.html#none, where there is no none",
        "a.html links to none.html, which does not exist",
        "own.css fetches https://x.org/5.png",
        "2 pages, 7 links, 5 wrong",
    ]


def test_each_version_of_the_site_stays(tmp_path):
    built, site = tmp_path / "built", tmp_path / "site"
    built.mkdir()
    site.mkdir()
    command = [sys.executable, DOCS.parent / "tools" / "keep_version.py", built, site]
    for version in ("dev", "0.9.0", "0.10.0rc1", "0.10.0", "dev", "0.2.0", "0.11.0rc1"):
        (built / "index.html").write_text(f"this is {version}")
        subprocess.run([*command, version, "https://x.org/site"], check=True)
    entries = json.loads((site / "versions.json").read_text())
    assert [entry["version"] for entry in entries] == ["0.11.0rc1", "0.10.0", "0.10.0rc1", "0.9.0", "0.2.0", "dev"]
    assert [entry["url"] for entry in entries if entry["preferred"]] == ["https://x.org/site/0.10.0/"]
    assert "url=0.10.0/" in (site / "index.html").read_text()
    for entry in entries:
        assert (site / entry["version"] / "index.html").read_text() == f"this is {entry['version']}"


@pytest.mark.parametrize(("version", "page"), [("../x", "index.html"), ("v1.0", "index.html"), ("1.0", "other.html")])
def test_what_is_no_version_of_the_site_is_refused(version, page, tmp_path):
    (tmp_path / page).write_text("")
    command = [sys.executable, DOCS.parent / "tools" / "keep_version.py", tmp_path, tmp_path / "site", version, "https://x.org"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "must be dev or" in done.stderr or "has no index.html" in done.stderr
    assert not (tmp_path / "site").exists()
