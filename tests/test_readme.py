"""The README's blocks of Python run one after the other, and the options in its commands exist."""

import random
import re
from pathlib import Path

import numpy as np
import pytest

from nndl_ext._commands.main import main

README = Path(__file__).parent.parent / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="the tests stand alone")


def test_the_blocks_of_python_run(capsys):
    pytest.importorskip("sklearn")
    random.seed(0)  # a network without a seed draws from these, as in the book, and may begin badly
    np.random.seed(0)
    blocks, names = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL), {}
    assert len(blocks) == 2
    for block in blocks:
        exec(block.replace("SGD(training_data, 30,", "SGD(training_data, 1,"), names)
    epoch, score = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Epoch 0: (8[5-9]|9\d)\d\d / 10000", epoch)
    assert float(score) > 0.9


def test_the_commands_have_these_options(capsys):
    text = README.read_text()
    for command in set(re.findall(r"nndl-ext (train|show|draw|bench)\b", text)):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        known = capsys.readouterr().out
        for line in re.findall(rf"nndl-ext {command}(.*)", text):
            for option in re.findall(r"--[a-z-]+", line.partition("#")[0]):
                assert option in known, line
