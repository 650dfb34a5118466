"""The command line, as a user calls it."""

import csv
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import QUICK, small_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nndl_ext
from nndl_ext import Network, _kernels, load, mnist_loader, runs
from nndl_ext._commands.main import main
from nndl_ext._files import saving


@pytest.fixture(scope="module")
def real_data(tmp_path_factory):
    """A folder with MNIST's first 2,000 training and 500 test images."""
    folder = tmp_path_factory.mktemp("images") / "data"
    small_data(folder)
    mnist = Path(mnist_loader.__file__).parent / "data"
    for file in folder.iterdir():
        count = 2_000 if file.name.startswith("train") else 500
        header, size = (16, 28 * 28) if "images" in file.name else (8, 1)
        content = gzip.decompress((mnist / f"{file.name}.gz").read_bytes())
        file.write_bytes(content[:4] + count.to_bytes(4, "big") + content[8 : header + count * size])
    return folder


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


def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path, capsys):
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


@pytest.mark.parametrize(
    "options",
    [
        "--cost cross-entropy --lmbda 5.0 --eta 0.1",
        "--optimizer momentum --eta 0.05 --dropout 0.25 --regularization l1 --lmbda 0.5",
        "--optimizer nesterov --eta 0.05 --halve-after 1",
        "--optimizer adam --eta 0.01 --cost log-likelihood --activation relu --halve-after 1 --early-stopping 2",
        "--cost quadratic --augment --epochs 2",
        "--optimizer lbfgs --lmbda 5.0",
    ],
)
def test_a_resumed_run_of_chapter_3_does_too(tmp_path, capsys, real_data, options):
    data = ["--data", str(real_data)]
    batch = [] if "lbfgs" in options else ["--batch", "50"]
    command = ["train", *data, "--sizes", "784,8,10", *batch, "--seed", "1", "--epochs", "6", *options.split()]
    assert main(command) == 0
    undisturbed = capsys.readouterr().out.splitlines()[:-1]
    paths = [str(tmp_path / name) for name in ("one.npz", "other.npz")]
    assert main([*command, "--save", paths[0]]) == 0
    assert main([*command, "--epochs", "1", "--save", paths[1]]) == 0
    lines = capsys.readouterr().out.splitlines()
    for epochs in ("2", command[-1] if "--augment" in options else "6"):
        assert main(["train", "--resume", paths[1], *data, "--epochs", epochs]) == 0
    lines = [line for line in lines[len(undisturbed) + 1 :] + capsys.readouterr().out.splitlines() if "evaluation data" in line]
    assert lines == [line for line in undisturbed if "evaluation data" in line]
    nets = [load(path) for path in paths]
    assert [w.tobytes() for w in nets[0].weights] == [w.tobytes() for w in nets[1].weights]
    assert nets[0]._own_generator.getstate() == nets[1]._own_generator.getstate()
    assert nets[0]._optimizer.moments.tobytes() == nets[1]._optimizer.moments.tobytes()


def test_mini_batches_are_not_said_of_lbfgs(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    command = ["train", "--sizes", "784,8,10", "--optimizer", "lbfgs", "--seed", "1", "--epochs", "0", "--save", path]
    assert main(command) == 0
    plan = capsys.readouterr().err
    assert "optimizer lbfgs, seed 1, float64" in plan
    assert main(["show", path]) == 0
    described = capsys.readouterr().out
    assert "run      0 of 0 epochs, lbfgs, seed 1" in described
    assert not {"eta", "mini-batches"} & {*plan.replace(",", "").split(), *described.replace(",", "").split()}


def test_options_of_chapter_3_stay_those_of_the_run(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("first.npz", "third.npz")]
    data = ["--sizes", "784,8,10", "--epochs", "0"]
    assert main(["train", *data, "--save", paths[0]]) == 0
    assert main(["train", *data, "--lmbda", "2", "--early-stopping", "3", "--save", paths[1]]) == 0
    capsys.readouterr()
    for path, options, message in (
        (paths[0], ["--lmbda", "2"], "--lmbda 2.0 was given, but the run in {} has none"),
        (paths[1], ["--lmbda", "3"], "--lmbda 3.0 was given, but the run in {} has 2.0"),
        (paths[1], ["--early-stopping", "4"], "--early-stopping 4 was given, but the run in {} has 3"),
        (paths[1], ["--augment"], "--augment True was given, but the run in {} has False"),
    ):
        assert main(["train", "--resume", path, *options]) == 1
        assert message.format(path) in capsys.readouterr().err
    for options, message in (
        (["--lmbda", "-1"], "lmbda must be at least 0, not -1"),
        (["--dropout", "1"], "dropout must be from 0 to below 1, not 1"),
        (["--optimizer", "lbfgs", "--batch", "100"], "--optimizer lbfgs does not use --batch"),
        (["--optimizer", "lbfgs", "--halve-after", "2"], "--optimizer lbfgs does not use --halve-after"),
        (["--optimizer", "lbfgs", "--augment"], "the optimizer lbfgs minimizes the cost of all samples, so it can use neither"),
    ):
        assert main(["train", *data, *options]) == 1
        assert message in capsys.readouterr().err


def test_a_run_is_saved_before_its_first_epoch_and_resumed_without_a_seed(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert main(["train", "--sizes", "784,8,10", "--epochs", "0", "--save", path]) == 0
    assert load(path).sizes == [784, 8, 10]
    assert main(["train", "--resume", path, "--epochs", "1"]) == 0
    assert "Epoch 0: " in capsys.readouterr().out


@pytest.mark.parametrize("epochs", ["0", "1", "2"])
def test_resuming_for_no_epochs_changes_nothing(epochs, tmp_path, capsys):
    path, data = tmp_path / "run.npz", small_data(tmp_path / "data")
    assert main(["train", "--sizes", "784,2,10", "--epochs", "2", "--data", str(data), "--save", str(path)]) == 0
    before = path.read_bytes()
    assert main(["train", "--resume", str(path), "--data", str(data), "--epochs", epochs]) == 0
    assert "no epochs left" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_what_a_resumed_run_can_not_be_is_said(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert main(["train", "--sizes", "784,8,10", "--seed", "1", "--epochs", "0", "--save", path]) == 0
    content = (tmp_path / "run.npz").read_bytes()
    (tmp_path / "other").write_bytes(b"?")
    load(path).save(tmp_path / "net.npz")
    other_data = small_data(tmp_path / "data")
    for arguments, message in (
        (
            ["--resume", path, "--sizes", "784,30,10"],
            f"--sizes [784, 30, 10] was given, but the run in {path} has [784, 8, 10]",
        ),
        (["--resume", path, "--seed", "2"], f"--seed 2 was given, but the run in {path} has 1"),
        (["--resume", path, "--dtype", "float32"], f"--dtype float32 was given, but the run in {path} has float64"),
        (["--resume", path, "--data", str(other_data)], "is a run on other data: name its data with --data"),
        (["--resume", str(tmp_path / "other")], "other is not a saved network"),
        (["--resume", str(tmp_path / "net.npz")], "net.npz does not hold a run saved by 'nndl-ext train --save'"),
        (["--resume", str(tmp_path / "nowhere")], "nowhere"),
        (["--save", path], f"{path} already exists: use --resume to continue its run, or remove it"),
        (["--save", str(tmp_path / "nowhere" / "net")], "No such file or directory"),
        (["--dtype", "float32", "--eta", "1e308"], "in epoch 0 the weights became infinite or NaN"),
    ):
        assert main(["train", "--epochs", "1", *arguments]) == 1
        assert message in capsys.readouterr().err
    assert (tmp_path / "run.npz").read_bytes() == content


def test_a_run_goes_on_with_the_very_images(tmp_path, capsys):
    path, data = str(tmp_path / "run.npz"), str(small_data(tmp_path / "data"))
    assert main(["train", "--sizes", "784,2,10", "--epochs", "1", "--data", data, "--save", path]) == 0
    for i, change in enumerate(({"pixel": 1}, {"test": 4}, {"training": 8})):
        other = str(small_data(tmp_path / f"other{i}", **change))
        assert main(["train", "--resume", path, "--data", other]) == 1
        assert "run.npz is a run on other data: name its data with --data" in capsys.readouterr().err
    assert main(["train", "--resume", path, "--data", data, "--epochs", "2"]) == 0


def test_data_without_images_are_named(tmp_path, capsys):
    empty = ({"test": 0}, " has no test images"), ({"training": 0}, f"{os.sep}train-images-idx3-ubyte has no images")
    for i, (change, message) in enumerate(empty):
        data = str(small_data(tmp_path / f"data{i}", **change))
        assert main(["train", "--sizes", "784,2,10", "--data", data]) == 1
        assert capsys.readouterr().err == f"nndl-ext: {data}{message}\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("run.npz/", "The path names a folder, not a file: 'run.npz/'"),
        ("run.npz/.", "The path names a folder, not a file: 'run.npz/.'"),
        ("nowhere/", "The path names a folder, not a file: 'nowhere/'"),
        ("nowhere/../run.npz", "nowhere/../run.npz already exists: use --resume to continue its run, or remove it"),
        ("folder", "folder exists and is not a file"),
        (os.devnull, "null exists and is not a file"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths mean something else there")
def test_save_replaces_nothing(path, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = str(small_data(tmp_path / "data"))
    (tmp_path / "folder").mkdir()
    Path("run.npz").write_text("older")
    assert main(["train", "--sizes", "784,2,10", "--epochs", "1", "--data", data, "--save", path]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert Path("run.npz").read_text() == "older"
    assert sorted(os.listdir()) == ["data", "folder", "run.npz"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error: {!r}"),
        (MemoryError(), "{} is too large for the memory"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(error, message, tmp_path, monkeypatch, capsys):
    def read_bytes(_path):
        raise error

    path = tmp_path / "file.npz"
    path.write_bytes(b"PK")
    monkeypatch.setattr(type(path), "read_bytes", read_bytes)
    for arguments in (["show"], ["draw"], ["train", "--data"], ["train", "--data", str(tmp_path), "--resume"]):
        if "--resume" in arguments:
            monkeypatch.setattr(runs, "load_data", lambda _: ([], []))
        assert main([*arguments, str(path)]) == 1
        assert capsys.readouterr().err == f"nndl-ext: {message.format(str(path))}\n"


@pytest.mark.parametrize("content", [b"", b"root:x:0:0\n", b"\xff\xfe", b'{"sizes": [2, '])
def test_files_of_other_programs_are_no_networks(content, tmp_path, capsys):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert main(["show", str(path)]) == 1
    error = capsys.readouterr().err
    expected = "it is neither a NumPy archive nor JSON with sizes, biases and weights: "
    assert error.startswith(f"nndl-ext: {path} is not a saved network: {expected}")
    assert len(error.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="the current folder can't be removed there")
@pytest.mark.parametrize(
    "command",
    [
        "train --save run",
        "train --resume run",
        "train --curve run.csv --plot run.svg",
        "train --save run --curve a.csv",
        "draw run",
    ],
)
def test_a_current_folder_that_was_removed_is_said(command, tmp_path, monkeypatch, capsys):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    (tmp_path / "folder").rmdir()
    assert main(command.split()) == 1
    error = capsys.readouterr().err
    assert re.fullmatch(r"nndl-ext: \[Errno 2\] The current folder no longer exists: '.*'\n", error)
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="the current folder can't be removed there")
def test_a_current_folder_that_is_removed_in_the_training_is_said(tmp_path, monkeypatch, capsys):
    data = str(small_data(tmp_path / "data"))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    monkeypatch.setattr(runs, "write_curve", lambda *_: shutil.rmtree(tmp_path / "folder"))
    assert main(["train", "--data", data, "--sizes", "784,2,10", "--save", "run.npz", "--curve", str(tmp_path / "a.csv")]) == 1
    assert "The current folder no longer exists: 'run.npz'" in capsys.readouterr().err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, -1, 1e308, "784"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)
FIELDS = [*runs.DEFAULTS, *runs.OF_NETWORK2]


@pytest.mark.parametrize("options", ["", "--lmbda 1 --optimizer adam --dropout 0.5"])
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_false_notes_in_a_file_give_an_error_in_one_line(options, data, tmp_path, capsys):
    folder, path = tmp_path / "data", tmp_path / "run.npz"
    if not folder.exists():
        small_data(folder)
    path.unlink(missing_ok=True)
    main(
        [
            "train",
            "--sizes",
            "784,2,10",
            "--epochs",
            "1",
            "--seed",
            "1",
            "--data",
            str(folder),
            "--save",
            str(path),
            *options.split(),
        ]
    )
    saved = saving.read(path)
    notes, order = json.loads(str(saved.notes["run"])), saved.notes["order"]
    part = data.draw(st.sampled_from(["run", "options", "tests", "curve", "data", "text", "order", "neuron", *FIELDS]))
    if part == "run":
        notes = data.draw(JSON)
    elif part in notes:
        notes[part] = data.draw(JSON)
    elif part in FIELDS:
        notes["options"][part] = data.draw(JSON)
    elif part == "order":
        order = data.draw(
            st.sampled_from([order[:-1], order * 0, order + 1, order.astype(float) * np.nan, np.array("a"), order[:, None]])
        )
    elif part == "neuron":
        saved = saved._replace(neuron="perceptron")
    text = data.draw(st.text()) if part == "text" else json.dumps(notes)
    saving.write(path, saved._replace(notes={"run": np.array(text), "order": order}))
    before = path.read_bytes()
    capsys.readouterr()
    status = main(["train", "--resume", str(path), "--data", str(folder), "--epochs", "1"])
    error = capsys.readouterr().err
    assert status in (0, 1)
    assert len(error.splitlines()) == 1
    if status:
        assert "run.npz" in error
        assert path.read_bytes() == before
    assert status or part not in ("run", "order", "neuron", "text")


def test_an_older_curve_stays_until_an_epoch_is_done(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("older")
    for arguments in (["--sizes", "5"], ["--sizes", "5,10"], ["--epochs", "0"], ["--dtype", "float32", "--eta", "1e308"]):
        main([*QUICK, "--curve", str(path), *arguments])
        assert path.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == ["curve.csv"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT there")
def test_ctrl_c_leaves_the_curve_so_far(tmp_path):
    path = tmp_path / "curve.json"
    command = [sys.executable, "-m", "nndl_ext", *QUICK, "--epochs", "1000", "--curve", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, error = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert len(error.splitlines()) == 1
    assert len(json.loads(path.read_text())) - 3 in (output.count("Epoch"), output.count("Epoch") - 1)


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
def test_ctrl_c_ends_a_shell_s_loop():
    command = f"'{sys.executable}' -m nndl_ext train --sizes 784,8,10 --epochs 1000"
    loop = f"for seed in 0 1; do echo seed $seed; {command} --seed $seed; done; echo done"
    arguments = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(["bash", "-c", loop], **arguments) as process:
        for _ in range(2):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        output, error = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert "seed 1" not in output
    assert "done" not in output
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("error", [ImportError, RuntimeError])
@pytest.mark.parametrize("chained", ["cause", "context"])
def test_ctrl_c_in_an_import_that_raises_another_error(error, chained, monkeypatch, capsys):
    def interrupted():
        raised = error("numpy can't be imported")
        setattr(raised, f"__{chained}__", KeyboardInterrupt())
        raise raised

    monkeypatch.setattr(nndl_ext, "show_config", interrupted, raising=False)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name == "nt", reason="a process can't send itself Ctrl-C there")
@pytest.mark.parametrize("late", [False, True])
def test_ctrl_c_pressed_again_is_silent(late):
    script = f"""
import signal
from nndl_ext import __main__
from nndl_ext._commands import main as commands
set_handler, late = signal.signal, [KeyboardInterrupt] * {late}
def set_late(*arguments):
    if late:
        raise late.pop()
    set_handler(*arguments)
def main():
    signal.signal = set_late
    try:
        raise KeyboardInterrupt
    finally:
        signal.raise_signal(signal.SIGINT)
commands.main = main
__main__.program()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.skipif(os.name == "nt", reason="a process can't send itself Ctrl-C there")
@pytest.mark.parametrize("module", ["nndl_ext._commands.main", "argparse", "inspect", "numpy", "nndl_ext.runs"])
def test_ctrl_c_in_the_imports_is_silent(module):
    script = f"""
import signal, sys
from nndl_ext.__main__ import program
class Pressing:
    def find_spec(name, path, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Pressing)
sys.argv[1:] = ["train", "--epochs", "0"]
program()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.skipif(os.name == "nt", reason="no signals to ignore there")
def test_ctrl_c_stays_ignored_where_it_was():
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    command = [sys.executable, "-m", "nndl_ext", *QUICK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=ignore) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0


def test_the_plan_goes_to_a_terminal_s_output_or_to_stderr(capsys, monkeypatch):
    plan = "Training 784-8-10 on MNIST: 50000 images, 10000 to test, epochs from 0 up to 1, mini-batches of 10, eta 3"
    plan = f"{plan}, seed 1, float32, {_kernels.variant} kernels\n"
    assert main(QUICK) == 0
    output, error = capsys.readouterr()
    assert error == plan
    assert plan not in output
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(QUICK) == 0
    output, error = capsys.readouterr()
    assert output.startswith(plan)


def pipe_that_nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.skipif(os.name == "nt", reason="no descriptors to close there")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["info"], QUICK, ["--help"], ["--version"]])
@pytest.mark.parametrize(
    ("stdout", "closed", "status", "message"),
    [
        (lambda: os.open("/dev/full", os.O_WRONLY), None, 1, r"nndl-ext: .*No space left on device: 'standard output'\n"),
        (pipe_that_nobody_reads, None, 1, ""),
        (lambda: os.open(os.devnull, os.O_WRONLY), 1, 0, ""),
        (lambda: os.open(os.devnull, os.O_WRONLY), 0, 0, ""),
    ],
    ids=["full", "pipe", "no stdout", "no stdin"],
)
def test_output_that_can_not_be_written(command, stdout, closed, status, message, unbuffered):
    if message and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    descriptor = stdout()
    result = subprocess.run(
        [sys.executable, "-m", "nndl_ext", *command],
        stdout=descriptor,
        stderr=subprocess.PIPE,
        preexec_fn=None if closed is None else partial(os.close, closed),
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        text=True,
    )
    os.close(descriptor)
    assert result.returncode == status
    assert re.fullmatch((r"Training .*\n" if command == QUICK else "") + message, result.stderr)


@pytest.mark.parametrize("command", [["info"], QUICK, ["bench"]])
def test_kernels_that_can_not_be_loaded_are_a_line(command):
    environment = os.environ | {"NNDL_EXT_CPU": "z80"}
    result = subprocess.run([sys.executable, "-m", "nndl_ext", *command], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("nndl-ext: NNDL_EXT_CPU='z80' asks for a kernel variant")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_one_file_under_two_names_is_a_usage_error(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("?")
    Path("link.csv").symlink_to("a.csv")
    Path("dangling.csv").symlink_to("b.csv")
    os.link("a.csv", "hard.csv")
    for one, other in (
        ("--resume a.csv", "--curve a.csv"),
        ("--resume link.csv", "--curve ./a.csv"),
        ("--resume hard.csv", "--curve a.csv"),
        ("--save b.csv", "--curve dangling.csv"),
        ("--data a.csv", "--curve hard.csv"),
    ):
        with pytest.raises(SystemExit) as exit_:
            main(["train", *one.split(), *other.split()])
        assert exit_.value.code == 2
        assert f"{one} and {other} are the same file" in capsys.readouterr().err
    assert Path("a.csv").read_text() == "?"


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_kills_lose_nothing():
    script = Path(__file__).parent.parent / "tools" / "kill.py"
    result = subprocess.run([sys.executable, script, "6"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the bits of 0 differ from those of an undisturbed one" in result.stdout


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
        (["--data", "nowhere"], "nowhere"),
        (["--curve", "nowhere/curve.csv"], "nowhere/curve.csv"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(arguments, message, capsys):
    assert main(["train", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--save", "a", "--resume", "a"],
        ["--curve", "curve.txt"],
        ["--sizes", "a,b"],
        ["--dtype", "int8"],
        ["--save", "run.JSON"],
        ["--halve-after", "-1"],
        ["--early-stopping", "-1"],
        ["--epochs", "-1"],
        ["--seed", "1.5"],
        ["--batch", "0"],
        *([option, text] for option in ("--eta", "--lmbda", "--dropout") for text in ("abc", "nan", "1e999", "")),
        *([option, ""] for option in ("--save", "--resume", "--curve", "--data")),
    ],
)
def test_what_is_misspelled_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", *arguments])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert arguments[0] in error
    assert "invalid" not in error.replace("invalid choice", "")  # argparse's words, which do not say what is expected
    assert len(error.splitlines()) == 1
