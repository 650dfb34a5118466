"""Each program in ``examples`` runs, is short, and prints what it should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
if not FOLDER.exists():
    pytest.skip("the examples are not part of an installed package", allow_module_level=True)

# For each program: its arguments, the libraries that it needs, and its output.
PROGRAMS = {
    "book.py": (["1"], [], r"Epoch 0: \d{4} / 10000\n"),
    "chapter3.py": (["1"], [], r"Accuracy on evaluation data: 9\d{3} / 10000\n[\s\S]*9\d{3} of 10000 test images right\n"),
    "xor.py": ([], [], r"4 of 4 right, cost 0\.00\d+\n"),
    "regression.py": ([], ["sklearn", "pandas"], r"R2 of five folds: .* mean 0\.4\d\n"),
    "ensemble.py": (["2000"], [], r"50 networks, right of 10000: \d+ to \d+\ntheir mean answer: 8\d{3}\n"),
    "load.py": (["4", "25"], ["fastapi", "uvicorn", "httpx"], r"100 answers by 4 clients at once, 9\d\.\d% right\n.*\np99 \d+"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name, tmp_path):
    arguments, needs, printed = PROGRAMS[name]
    for module in needs:
        pytest.importorskip(module)
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", FOLDER / name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(printed, done.stdout), done.stdout


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_a_program_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("pixels", [[0.5] * 783, [], [0.5] * 785])
def test_the_service_says_what_is_wrong(pixels, monkeypatch):
    pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient", exc_type=Exception)
    monkeypatch.syspath_prepend(str(FOLDER))
    import service

    answer = testclient.TestClient(service.app).post("/digit", json={"pixels": pixels})
    assert answer.status_code == 422
    assert "784" in answer.json()["detail"]
