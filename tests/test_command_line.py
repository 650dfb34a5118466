"""The command line, as a user calls it."""

import csv
import json
import re
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("arguments", [["--curve", "curve.txt"], ["--sizes", "a,b"], ["--dtype", "int8"]])
def test_what_is_misspelled_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", *arguments])
    assert exit_.value.code == 2
    assert arguments[0] in capsys.readouterr().err
