"""The choice of the kernel variant, and what show_config reports."""

import json
import os
import subprocess
import sys

import pytest

import nndl_ext
from nndl_ext import _kernels


def run_code(code, **environment):
    return subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True)


def test_show_config_returns_or_prints(capsys):
    config = nndl_ext.show_config(mode="dicts")
    assert config["cpu"] == _kernels.variant
    assert config["cpu_available"] == _kernels.available
    assert config["nndl_ext"] == nndl_ext.__version__
    assert nndl_ext.show_config() is None
    assert json.loads(capsys.readouterr().out) == config
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', not 'xml'"):
        nndl_ext.show_config(mode="xml")


def test_baseline_is_always_there():
    assert _kernels.available[-1] == "baseline"


@pytest.mark.parametrize("name", _kernels.available)
def test_a_variant_can_be_forced(name):
    code = "import nndl_ext; print(nndl_ext.show_config(mode='dicts')['cpu'])"
    assert run_code(code, NNDL_EXT_CPU=name).stdout.strip() == name


def test_a_variant_that_is_not_there_is_an_error():
    result = run_code("from nndl_ext import Network", NNDL_EXT_CPU="z80")
    assert result.returncode != 0
    assert "NNDL_EXT_CPU='z80' asks for a kernel variant that this build or processor lacks; it has" in result.stderr
    assert "baseline" in result.stderr.splitlines()[-1]


def test_names_are_found_when_they_are_asked_for():
    code = (
        "import sys, nndl_ext; assert 'numpy' not in sys.modules; print(nndl_ext.perceptron.Network, nndl_ext.network.Network)"
    )
    result = run_code(code)
    assert result.stdout.split("> ")[0].endswith("nndl_ext.perceptron.Network'"), result.stderr
    assert dir(nndl_ext) == sorted(nndl_ext.__all__)
    for name in nndl_ext.__all__:
        assert getattr(nndl_ext, name) is getattr(nndl_ext, name) or name == "__version__"
    with pytest.raises(AttributeError, match="module 'nndl_ext' has no attribute 'nothing'"):
        nndl_ext.nothing  # noqa: B018
