"""The command line, as a user calls it."""

import csv
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nndl_ext import Network, load, mnist_loader
from nndl_ext.__main__ import main

QUICK = ["train", "--epochs", "2", "--sizes", "784,8,10", "--dtype", "float32", "--seed", "1"]


def test_train_prints_the_book_s_lines(capsys):
    assert main(QUICK) == 0
    first, second, accuracy, seconds = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Epoch 0: \d+ / 10000", first)
    correct = int(re.fullmatch(r"Epoch 1: (\d+) / 10000", second)[1])
    assert correct > 7500
    assert accuracy.startswith(f"Accuracy {correct / 10000:.2%}, at best ")
    assert re.fullmatch(r"Loading took \d+\.\d\d s, training and evaluation \d+\.\d\d s", seconds)


def test_a_seed_repeats_a_run(capsys):
    outputs = []
    for _ in range(2):
        main(QUICK)
        outputs.append(capsys.readouterr().out.splitlines()[:-1])
    assert outputs[0] == outputs[1]


def test_the_learning_curve(tmp_path, capsys):
    for name in ("curve.json", "curve.csv"):
        assert main([*QUICK, "--curve", str(tmp_path / name)]) == 0
    accuracies = [int(n) / 10000 for n in re.findall(r"Epoch \d: (\d+)", capsys.readouterr().out)][:2]
    assert json.loads((tmp_path / "curve.json").read_text()) == [
        {"epoch": epoch, "accuracy": accuracy} for epoch, accuracy in enumerate(accuracies)
    ]
    with (tmp_path / "curve.csv").open(newline="") as file:
        assert [(row["epoch"], float(row["accuracy"])) for row in csv.DictReader(file)] == list(
            zip("01", accuracies, strict=True)
        )


def test_a_resumed_run_comes_to_the_bits_of_one_that_was_not(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert main([*QUICK, "--save", path]) == 0
    assert main(["train", "--resume", path, "--epochs", "4", "--eta", "3"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert main([*QUICK, "--epochs", "4"]) == 0
    output = capsys.readouterr().out
    assert lines == output.splitlines()[:4]
    assert main(["train", "--resume", path, "--curve", str(tmp_path / "curve.json")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == output.splitlines()[4]
    assert len(json.loads((tmp_path / "curve.json").read_text())) == 4
    net, undisturbed = load(path), Network([784, 8, 10], dtype="float32", seed=1)
    undisturbed.SGD(mnist_loader.load_data_wrapper()[0], 4, 10, 3.0)
    assert [w.tobytes() for w in net.weights] == [w.tobytes() for w in undisturbed.weights]
    assert net._own_generator.getstate() == undisturbed._own_generator.getstate()


def test_a_run_is_saved_before_its_first_epoch_and_resumed_without_a_seed(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert main(["train", "--sizes", "784,8,10", "--epochs", "0", "--save", path]) == 0
    assert load(path).sizes == [784, 8, 10]
    assert main(["train", "--resume", path, "--epochs", "1"]) == 0
    assert "Epoch 0: " in capsys.readouterr().out


def test_what_a_resumed_run_can_not_be_is_said(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert main(["train", "--sizes", "784,8,10", "--seed", "1", "--epochs", "0", "--save", path]) == 0
    content = (tmp_path / "run.npz").read_bytes()
    (tmp_path / "other").write_bytes(b"?")
    load(path).save(tmp_path / "net.npz")
    other_data = tmp_path / "data"
    other_data.mkdir()
    for name, array in zip(
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ((7, 28, 28), (7,), (3, 28, 28), (3,)),
        strict=True,
    ):
        header = bytes((0, 0, 8, len(array))) + b"".join(n.to_bytes(4, "big") for n in array)
        (other_data / name).write_bytes(header + bytes(math.prod(array)))
    for arguments, message in (
        (
            ["--resume", path, "--sizes", "784,30,10"],
            f"--sizes [784, 30, 10] was given, but the run in {path} has [784, 8, 10]",
        ),
        (["--resume", path, "--seed", "2"], f"--seed 2 was given, but the run in {path} has 1"),
        (["--resume", path, "--dtype", "float32"], f"--dtype float32 was given, but the run in {path} has float64"),
        (["--resume", path, "--data", str(other_data)], "is a run on other data: give theirs by --data"),
        (["--resume", str(tmp_path / "other")], "other is not a saved network"),
        (["--resume", str(tmp_path / "net.npz")], "net.npz is not the file of a run by 'nndl-ext train --save'"),
        (["--resume", str(tmp_path / "nowhere")], "nowhere"),
        (["--save", path], f"{path} is there already: go on with its run by --resume, or remove it"),
        (["--save", str(tmp_path / "nowhere" / "net")], "No such file or directory"),
        (["--save", str(tmp_path / "unused"), "--batch", "0"], "mini_batch_size must be at least 1"),
        (["--dtype", "float32", "--eta", "1e308"], "in epoch 0 the weights became infinite or NaN"),
    ):
        assert main(["train", "--epochs", "1", *arguments]) == 1
        assert message in capsys.readouterr().err
    assert (tmp_path / "run.npz").read_bytes() == content
    assert not (tmp_path / "unused").exists()


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_kills_lose_nothing():
    script = Path(__file__).parent.parent / "tools" / "kill.py"
    result = subprocess.run([sys.executable, script, "6"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 of them with other bits than an undisturbed one" in result.stdout


def test_info(capsys):
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert '"cpu_available"' in output
    assert "MNIST: 50000 training, 10000 validation, 10000 test images" in output


def test_the_module_runs_as_a_program():
    result = subprocess.run([sys.executable, "-m", "nndl_ext", "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"nndl-ext \d+\.\d+\.\d+\S*\n", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "784"], "nndl-ext: sizes must name at least two layers"),
        (["--sizes", "100,10"], "nndl-ext: training_data has 784 inputs, but the network has 100"),
        (["--batch", "0"], "nndl-ext: mini_batch_size must be at least 1, not 0"),
        (["--data", "nowhere"], "nowhere"),
        (["--curve", "nowhere/curve.csv"], "nowhere/curve.csv"),
        (["--epochs", "-1"], "nndl-ext: epochs must be at least 0, not -1"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(arguments, message, capsys):
    assert main(["train", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--save", "a", "--resume", "a"], ["--curve", "curve.txt"], ["--sizes", "a,b"], ["--dtype", "int8"]]
)
def test_what_is_misspelled_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", *arguments])
    assert exit_.value.code == 2
    assert arguments[0] in capsys.readouterr().err
