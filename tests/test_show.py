"""The command ``show``: its description of a saved network, and its pictures."""

import errno
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import QUICK, digest, small_data

from nndl_ext import Network, load, network, network2, perceptron
from nndl_ext._commands import pictures, show
from nndl_ext._commands.main import main
from nndl_ext._files import saving


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The file of a short run."""
    path = tmp_path_factory.mktemp("run") / "run.npz"
    assert main([*QUICK, "--epochs", "3", "--save", str(path)]) == 0
    return path


def test_a_run_is_shown_with_its_curve(run, capsys):
    assert main(["show", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        str(run),
        "  sizes    784-8-10, 6,370 parameters in float32",
        "  neurons  sigmoid, sigmoid",
        f"  digest   {digest(load(run))}",
        "  run      3 of 3 epochs, mini-batches of 10, eta 3, seed 1",
    ]
    accuracies = [right / 10000 for right in show.runs.read(str(run))[0].curve]
    assert lines[6].startswith(f"  {max(accuracies):8.2%} ")
    best = accuracies.index(max(accuracies))
    assert lines[-1].strip() == f"best {max(accuracies):.2%} in epoch {best}, last {accuracies[-1]:.2%}"
    assert "█" in lines[-3]


def test_an_output_without_block_characters_gets_ascii(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["show", str(run)]) == 0
    sys.stdout.seek(0)
    assert "###" in sys.stdout.read()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", ["blüte", "花", "\udcff"])
def test_an_output_without_a_path_s_characters_gets_escapes(encoding, name, run, monkeypatch, tmp_path, capsys):
    paths = [str(tmp_path / f"{name}{suffix}") for suffix in (".npz", ".html")]
    try:
        Path(paths[0]).write_bytes(run.read_bytes())
    except OSError:
        pytest.skip("no such names here")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert main(["show", paths[0]]) == 0
    assert main(["draw", paths[0], "--out", paths[1], "--no-open"]) == 0
    sys.stdout.seek(0)
    output = sys.stdout.read()
    for path in paths:
        assert path.encode(encoding, "backslashreplace").decode(encoding) in output
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("net", "neurons"),
    [(Network([3, 4, 2], seed=0), "sigmoid, sigmoid"), (perceptron.Network([3, 4, 2], seed=0), "perceptrons")],
)
def test_a_network_is_shown_without_a_run(net, neurons, tmp_path, capsys):
    path = str(tmp_path / "net.npz")
    net.save(path)
    assert main(["show", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        path, "  sizes    3-4-2, 26 parameters in float64", f"  neurons  {neurons}", f"  digest   {digest(net)}"
    ]  # fmt: skip


def test_the_book_s_json_is_shown(tmp_path, capsys):
    Network([3, 2], seed=0).save(tmp_path / "net.json")
    assert main(["show", str(tmp_path / "net.json")]) == 0
    assert digest(Network([3, 2], seed=0)) in capsys.readouterr().out


def heights(lines, blocks):
    """The height of each bar of a curve, in eighths of a line."""
    rows = [line[9:].ljust(60) for line in lines[:-2]]
    levels = show.BLOCKS if blocks else " #"
    return [sum(levels.index(row[i]) for row in rows) for i in range(60)]


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("count", [1, 2, 7, 30, 60, 61, 500])
def test_a_curve_s_bars_rise_with_the_accuracies(count, blocks):
    accuracies = [0.5 + 0.4 * i / count for i in range(count)]
    lines = show.curve(accuracies, blocks)
    assert len(lines) == 10
    assert max(map(len, lines[:-1])) <= 9 + 60
    bars = [height for height in heights(lines, blocks) if height]
    assert bars == sorted(bars)
    assert len(bars) == min(60, count * max(1, min(3, 60 // count)))
    if count > 1:
        assert bars[0] == 1
        assert bars[-1] == (64 if blocks else 8)
        assert lines[-2].endswith(f" {count - 1}")


def test_a_flat_curve_is_drawn():
    assert {*heights(show.curve([0.5] * 20), True)} == {1}


def test_a_best_epoch_between_the_bars_is_named():
    accuracies = [0.5] * 200
    accuracies[151] = 0.9
    assert show.curve(accuracies)[-1].strip() == "best 90.00% in epoch 151, last 50.00%"


def test_pictures_of_a_run(run, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["show", str(run), "--out", str(tmp_path / "out")]) == 0
    names = ["confusion.png", "curve.png", "misclassified.png", "weights.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert all((tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert sorted(capsys.readouterr().out.splitlines()[-4:]) == [f"wrote {tmp_path / 'out' / name}" for name in names]


def test_pictures_do_not_replace_what_is_shown(run, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    saved = tmp_path / "weights.png"
    saved.write_bytes(run.read_bytes())
    assert main(["show", str(saved), "--out", str(tmp_path)]) == 1
    message = f"{saved} is to be shown, so no picture can replace it: name another folder with --out"
    assert capsys.readouterr().err == f"nndl-ext: {message}\n"
    assert list(tmp_path.iterdir()) == [saved]
    assert saved.read_bytes() == run.read_bytes()


def test_several_files_are_compared(run, tmp_path, capsys):
    other, net = tmp_path / "other.npz", tmp_path / "net.npz"
    assert main([*QUICK, "--epochs", "2", "--eta", "0.5", "--save", str(other)]) == 0
    load(run).save(net)
    capsys.readouterr()
    shown = []
    for path in (run, other, net):
        assert main(["show", str(path)]) == 0
        shown.append(capsys.readouterr().out)
    assert main(["show", str(run), str(other)]) == 0
    output = capsys.readouterr().out
    assert output == (
        shown[0] + shown[1] + f"\nDifferent settings:\n  eta: 3 in {run}, 0.5 in {other}\n"
        f"  epochs: 3 in {run}, 2 in {other}\nThe weights and biases are different.\n"
    )
    assert main(["show", str(run), str(net)]) == 0
    output = capsys.readouterr().out
    assert f"  eta: 3 in {run}, none in {net}\n" in output
    assert "  sizes:" not in output
    assert output.endswith("The weights and biases are the same bits.\n")


SETTINGS = [
    ("activations", {"activation": "tanh"}, "sigmoid,sigmoid,sigmoid", "tanh,tanh,sigmoid"),
    ("activations", {"activation": ["tanh", "relu"]}, "sigmoid,sigmoid,sigmoid", "tanh,relu,sigmoid"),
    ("cost", {"cost": network2.QuadraticCost}, "CrossEntropyCost", "QuadraticCost"),
    ("dropout", {"dropout": 0.5}, "none", "0.5,0.5"),
    ("dropout", {"dropout": [0.0, 0.25]}, "none", "0,0.25"),
    ("regularization", {"regularization": "l1"}, "l2", "l1"),
    (
        "optimizer",
        {"optimizer": network2.Adam(first=0.90000001)},
        "none",
        "kind=adam first=0.90000001 second=0.999 epsilon=1e-08",
    ),
    ("optimizer", {"optimizer": network2.Momentum(0.5)}, "none", "kind=momentum mu=0.5 nesterov=False"),
    ("dtype", {"dtype": np.float32}, "float64", "float32"),
]


@pytest.mark.parametrize(("name", "options", "first", "second"), SETTINGS)
def test_every_setting_of_networks_is_compared(name, options, first, second, tmp_path, capsys):
    plain, other = tmp_path / "plain.npz", tmp_path / "other.npz"
    network2.Network([4, 3, 3, 2], seed=0).save(plain)
    network2.Network([4, 3, 3, 2], **options, seed=0).save(other)
    assert main(["show", str(plain), str(other)]) == 0
    line = f"  {name}: {first} in {plain}, {second} in {other}\n"
    assert f"Different settings:\n{line}The weights" in capsys.readouterr().out


def test_settings_are_compared_with_all_their_digits(tmp_path, capsys):
    paths = [str(tmp_path / f"{name}.npz") for name in ("a", "b")]
    for path, eta in zip(paths, ("0.5", "0.50000001"), strict=True):
        assert main([*QUICK, "--epochs", "0", "--eta", eta, "--lmbda", "0", "--optimizer", "adam", "--save", path]) == 0
    network.Network([784, 8, 10], seed=0).save(tmp_path / "c.npz")
    capsys.readouterr()
    assert main(["show", *paths]) == 0
    assert f"Different settings:\n  eta: 0.5 in {paths[0]}, 0.50000001 in {paths[1]}\n" in capsys.readouterr().out
    assert main(["show", paths[0], str(tmp_path / "c.npz")]) == 0
    assert "  optimizer: kind=adam first=0.9 second=0.999 epsilon=1e-08 in " in capsys.readouterr().out


def test_a_file_s_copy_has_the_same_settings(run, tmp_path, capsys):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(run.read_bytes())
    assert main(["show", str(run), str(copy)]) == 0
    assert capsys.readouterr().out.endswith("Different settings:\n  none\nThe weights and biases are the same bits.\n")


def test_several_learning_curves_are_one_picture(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    from nndl_ext import plot

    copy, net, out, drawn = tmp_path / "copy.npz", tmp_path / "net.npz", tmp_path / "out", []
    copy.write_bytes(run.read_bytes())
    Network([784, 10], seed=0).save(net)
    draw = plot.learning_curves
    monkeypatch.setattr(plot, "learning_curves", lambda curves: drawn.append(curves) or draw(curves))
    assert main(["show", str(run), str(copy), str(net), "--out", str(out)]) == 0
    accuracies = show.runs.read(str(run))[0].accuracies
    assert drawn == [{str(run): accuracies, str(copy): accuracies}]
    assert [picture.name for picture in out.iterdir()] == ["curve.png"]
    other = tmp_path / "other.npz"
    Network([3, 2], seed=0).save(other)
    capsys.readouterr()
    assert main(["show", str(net), str(other), "--out", str(out)]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert "must hold a run with a learning curve" in error


def test_pictures_of_what_fits(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path, out = str(tmp_path / "net.npz"), tmp_path / "out"
    Network([9, 2], seed=0).save(path)
    assert main(["show", path, "--out", str(out)]) == 0
    assert [picture.name for picture in out.iterdir()] == ["weights.png"]
    data = str(small_data(tmp_path / "data"))
    assert main(["show", path, "--out", str(out), "--data", data]) == 1
    assert "784 inputs, but the network has 9" in capsys.readouterr().err
    Network([784, 10], seed=0).save(path)
    assert main(["show", path, "--out", str(out), "--data", data]) == 0
    assert "confusion.png" in capsys.readouterr().out


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
@pytest.mark.parametrize("name", ["curve", ""])
def test_train_draws_its_curve(ending, start, name, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"{name}.{ending}"
    assert main([*QUICK, "--epochs", "1", "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(start)


def test_a_training_that_ends_early_draws_what_there_is(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(show.runs.Run, "save", lambda self, *_: interrupt() if self.curve else None)

    def interrupt():
        raise KeyboardInterrupt

    path = tmp_path / "curve.svg"
    assert main([*QUICK, "--save", str(tmp_path / "run.npz"), "--plot", str(path)]) == 130
    assert path.exists()
    path.unlink()
    assert main(["train", "--sizes", "5", "--plot", str(path)]) == 1
    assert not path.exists()


def test_a_picture_that_fails_too_does_not_hide_what_ended_the_training(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")

    def full(path, *_):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(show.runs.Run, "save", lambda self, path, _: full(path) if self.curve else None)
    monkeypatch.setattr(pictures, "write", full)
    run, picture = str(tmp_path / "run.npz"), str(tmp_path / "curve.png")
    assert main([*QUICK, "--save", run, "--plot", picture]) == 1
    assert capsys.readouterr().err.endswith(f"No space left on device: {run!r}\n")
    assert main([*QUICK, "--plot", picture]) == 1
    assert capsys.readouterr().err.endswith(f"No space left on device: {picture!r}\n")


def test_a_missing_matplotlib_is_said_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("nndl_ext.plot")]:
        monkeypatch.delitem(sys.modules, name)
    import nndl_ext

    monkeypatch.delattr(nndl_ext, "plot", raising=False)
    assert main([*QUICK, "--plot", str(tmp_path / "curve.png")]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert error == "nndl-ext: to draw pictures, install matplotlib: pip install 'nndl-ext[plot]'\n"


def test_what_can_not_be_shown_is_a_line(run, tmp_path, capsys):
    other, broken = tmp_path / "other", tmp_path / "broken.npz"
    other.write_bytes(b"?")
    saved = saving.read(run)
    saving.write(broken, saved._replace(notes=saved.notes | {"run": np.array("{}")}))
    for path, message in (
        (tmp_path / "nowhere", "nowhere"),
        (other, "other is not a saved network"),
        (broken, "broken.npz does not hold a run saved by 'nndl-ext train --save'"),
    ):
        assert main(["show", str(path)]) == 1
        output, error = capsys.readouterr()
        assert output == ""
        assert message in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--plot", "curve.txt"],
        ["train", "--plot", "png"],
        ["show"],
        ["show", ""],
        ["show", "a", "--data", "b"],
        ["show", "a", "b", "--data", "c", "--out", "d"],
    ],
)
def test_what_is_misspelled_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
