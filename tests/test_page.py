"""The page to draw digits on: its content, and its arithmetic, run by Node."""

import base64
import hashlib
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import network_with

from nndl_ext import Network, load, page, perceptron
from nndl_ext._commands.main import main
from nndl_ext._engine.functions import ACTIVATIONS, AT_THE_OUTPUT

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node on this machine")


def parts(html):
    """The scripts, data and styles of a page."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    (data,) = re.findall(r'<script type="application/json" id="network">(.*?)</script>', html)
    return scripts, styles, json.loads(data)


def in_node(html, expression, folder, **values):
    """Evaluate an expression with the page's arithmetic. It may use ``values`` and ``network``."""
    (arithmetic, _), _, data = parts(html)
    (folder / "values.json").write_text(json.dumps(values | {"network": data}))
    (folder / "program.js").write_text(
        f"{arithmetic}\nconst values = JSON.parse(require('fs').readFileSync(__dirname + '/values.json'));\n"
        f"const {{network}} = values;\nprocess.stdout.write(JSON.stringify({expression}));\n"
    )
    result = subprocess.run([NODE, folder / "program.js"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_page_holds_all_and_asks_for_nothing():
    html = page.html(Network([784, 30, 10], seed=0))
    assert len(html.encode()) < 400_000
    assert "{{" not in html
    scripts, styles, data = parts(html)
    assert {name: data[name] for name in ("sizes", "activations", "dtype")} == {
        "sizes": [784, 30, 10], "activations": ["sigmoid", "sigmoid"], "dtype": "float64"
    }  # fmt: skip
    hashes = [
        " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)
        for texts in (scripts, styles)
    ]
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', html)[1]
    assert policy == (f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; base-uri 'none'; form-action 'none'")
    without_data = html.replace(data["parameters"], "")
    assert not re.search(r"https?:|//[a-z]|\bsrc=|\bhref=|\bimport\b|fetch|XMLHttpRequest|sendBeacon|\son[a-z]+=", without_data)


HOSTILE = ("</script><script>alert(1)</script>", "<!--<script>", "{{policy}}\u2028'\"&\ud800")


def test_the_names_of_classes_stand_in_the_page_and_end_no_element():
    net = Network([784, 3], seed=0)
    unnamed = page.html(net)
    assert parts(unnamed)[2]["classes"] == []
    net.classes = HOSTILE
    html = page.html(net)
    html.encode()
    assert parts(html)[2]["classes"] == [*HOSTILE]
    assert html.count("<") == unnamed.count("<")
    net.classes = HOSTILE[1:]
    with pytest.raises(ValueError, match="its classes must be 3 texts, one for each, not "):
        page.html(net)


@needs_node
def test_an_answer_is_a_name_or_a_number(tmp_path):
    net = Network([784, 3], seed=0)
    assert in_node(page.html(net), "[0, 1, 2].map(i => nameOf(network, i))", tmp_path) == ["0", "1", "2"]
    net.classes = (*HOSTILE[:2], "c")
    assert in_node(page.html(net), "[0, 1, 2].map(i => nameOf(network, i))", tmp_path) == [*net.classes]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_parameters_are_little_endian_numbers_of_the_network_s_dtype(dtype):
    net = Network([784, 3, 2], seed=0, dtype=dtype)
    _, _, data = parts(page.html(net))
    numbers = np.frombuffer(base64.b64decode(data["parameters"]), np.dtype(dtype).newbyteorder("<"))
    arrays = [array for layer in zip(net.biases, net.weights, strict=True) for array in layer]
    assert np.array_equal(numbers, np.concatenate([np.ravel(array) for array in arrays]))


def test_weights_that_were_replaced_stand_in_the_page():
    net = Network([784, 2], seed=0)
    net.weights[0] = np.ones((2, 784), np.float32)
    numbers = np.frombuffer(base64.b64decode(parts(page.html(net))[2]["parameters"]), "<f8")
    assert (numbers[2:] == 1).all()


def test_a_page_is_written_from_a_file_and_from_a_training(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    monkeypatch.chdir(tmp_path)
    net = Network([784, 5, 10], seed=0)
    net.save("net.npz")
    assert main(["draw", "net.npz"]) == 0
    assert (tmp_path / "nndl-ext-draw.html").read_bytes() == page.html(net).encode()
    assert opened == [(tmp_path / "nndl-ext-draw.html").resolve().as_uri()]
    assert main(["draw", "--out", "other.html", "--no-open"]) == 0
    assert parts((tmp_path / "other.html").read_text(encoding="utf-8"))[2]["sizes"] == [784, 30, 10]
    assert len(opened) == 1
    output = capsys.readouterr().out
    assert re.search(r"Epoch 29: 9[45]\d\d / 10000\nwrote other.html\n$", output)
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert main(["draw", "net.npz"]) == 0
    assert "no browser was found" in capsys.readouterr().out


def test_what_has_no_page_is_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Network([100, 10], seed=0).save("small.npz")
    perceptron.Network([784, 10], seed=0).save("perceptrons.npz")
    before = (tmp_path / "small.npz").read_bytes()
    for arguments, message in (
        (["small.npz"], "the page makes images of 28 x 28 pixels, so the network must have 784 inputs, not 100"),
        (["perceptrons.npz"], "the page can't call the feedforward of a nndl_ext.perceptron.Network"),
        (["nowhere.npz"], "nowhere.npz"),
        (["small.npz", "--out", "nowhere/page.html"], "nowhere/page.html"),
    ):
        assert main(["draw", "--no-open", *arguments]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert len(error.splitlines()) == 1
    with pytest.raises(SystemExit) as exit_:
        main(["draw", "small.npz", "--out", "small.npz"])
    assert exit_.value.code == 2
    assert "FILE small.npz and --out small.npz are the same file" in capsys.readouterr().err
    assert (tmp_path / "small.npz").read_bytes() == before
    assert not (tmp_path / "nndl-ext-draw.html").exists()


class Step:
    """A user's own activation."""

    def fn(self, z):
        return z > 0

    def prime(self, z):
        return 0 * z


def test_functions_of_a_user_s_own_are_refused():
    with pytest.raises(TypeError, match=r"the page knows the activations identity, .*, not <.*Step"):
        page.html(network_with([784, 4, 10], [Step(), "sigmoid"]))

    class Own(Network):
        def feedforward(self, a):
            return a

    with pytest.raises(TypeError, match=r"the page can't call the feedforward of a .*Own"):
        page.html(Own([784, 10]))
    net = Network([784, 10])
    net.biases[0][0] = np.inf
    with pytest.raises(ValueError, match=r"biases\[0\] must hold finite numbers"):
        page.html(net)


@needs_node
def test_the_page_knows_all_activations(tmp_path):
    html = page.html(Network([784, 2], seed=0))
    assert sorted(in_node(html, "Object.keys(ACTIVATIONS)", tmp_path)) == sorted(ACTIVATIONS)


@needs_node
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name not in AT_THE_OUTPUT])
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_outputs_are_those_of_feedforward(hidden, output, mnist, tmp_path):
    net = network_with([784, 20, 12, 10], [hidden, hidden, output])
    check_outputs(net, net, mnist, tmp_path)


@needs_node
def test_outputs_of_a_trained_network(mnist, tmp_path):
    net = Network([784, 30, 10], seed=0)
    net.SGD(mnist[0], 3, 10, 3.0)
    check_outputs(net, net, mnist, tmp_path)


@needs_node
def test_a_network_in_float32_is_computed_in_float64(mnist, tmp_path):
    net = network_with([784, 20, 10], ["relu", "softmax"], np.float32)
    in_double = network_with([784, 20, 10], ["relu", "softmax"])
    in_double._model.parameters.replace(net.biases, net.weights)
    check_outputs(net, in_double, mnist, tmp_path)


def check_outputs(net, expected, mnist, folder):
    """Compare the page's outputs for 1,000 test images with those of a network."""
    images = mnist[2].x[:1000]
    program = (
        "(layers => values.images.map(x => Array.from(feedforward(layers, x.map(v => v / 256)).at(-1))))(layersOf(network))"
    )
    levels = np.rint(images * 256).astype(int)
    assert np.array_equal(levels / 256, images)
    outputs = np.array(in_node(page.html(net), program, folder, images=levels.tolist()))
    wanted = expected.feedforward(images.T.astype(np.float64)).T
    assert outputs.shape == (1000, net.sizes[-1])
    assert np.ptp(wanted) > 1e-3
    assert (np.abs(outputs - wanted) <= 1e-9 * np.maximum(1, np.abs(wanted))).all()


@needs_node
def test_numbers_that_exponentials_can_not_hold(tmp_path):
    z = [-1e4, -750, -30, 0, 30, 709, 1e4]
    program = "Object.entries(ACTIVATIONS).map(([name, fn]) => [name, Array.from(fn(Float64Array.from(values.z)))])"
    found = {name: np.array(numbers, float) for name, numbers in in_node(page.html(Network([784, 2])), program, tmp_path, z=z)}
    assert np.allclose(found["sigmoid"], [0, 0, 9.3576229688392989e-14, 0.5, 1, 1, 1], rtol=1e-9)
    assert np.allclose(found["softplus"], [0, 0, 9.3576229688397e-14, np.log(2), 30, 709, 1e4], rtol=1e-9)
    assert np.allclose(found["softmax"], [0, 0, 0, 0, 0, 0, 1])
    assert np.allclose(found["tanh"], [-1, -1, -1, 0, 1, 1, 1])


STROKES = {
    "one": [[[0.5, 0.2], [0.5, 0.8]]],
    "seven": [[[0.2, 0.2], [0.8, 0.2], [0.4, 0.85]]],
    "circle": [[[0.5 + 0.3 * np.sin(t / 5), 0.5 - 0.3 * np.cos(t / 5)] for t in range(33)]],
    "two strokes": [[[0.3, 0.2], [0.3, 0.6], [0.7, 0.6]], [[0.6, 0.3], [0.6, 0.9]]],
    "dot": [[[0.1, 0.9]]],
    "wide": [[[0.05, 0.5], [0.95, 0.5]]],
}


def images_of(strokes, folder):
    html = page.html(Network([784, 2], seed=0))
    images = in_node(html, "values.strokes.map(imageOf).map(image => image && Array.from(image))", folder, strokes=strokes)
    return [None if image is None else np.array(image).reshape(28, 28) for image in images]


@needs_node
def test_images_are_as_mnist_s_are(tmp_path):
    for name, image in zip(STROKES, images_of([*STROKES.values()], tmp_path), strict=True):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        extents = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert max(extents) == 20, name
        assert np.array_equal(np.rint(image * 256), image * 256)
        assert image.min() == 0
        assert image.max() == 255 / 256
        places = np.arange(28)
        for axis, ink in ((0, rows), (1, columns)):
            centre = np.average(places, weights=image.sum(axis=1 - axis))
            at_the_edge = ink[0] == 0 or ink[-1] == 27
            assert abs(centre - 14) <= 0.5 + 1e-9 or at_the_edge, name
    tall = images_of([STROKES["one"]], tmp_path)[0]
    assert (tall.any(axis=0)).sum() == pytest.approx(20 * 0.09 / (0.6 + 0.09), abs=1.5)
    assert len(np.unique(tall)) > 3  # its edges are grey


@needs_node
def test_the_ink_covers_what_the_pen_passes(tmp_path):
    rng = np.random.default_rng(0)
    strokes = [rng.uniform(0.1, 0.9, (count, 2)).round(3) for count in (1, 2, 2, 2, 3, 4, 9)]
    strokes += [np.array(ends) for ends in ([[0.2, 0.5], [0.8, 0.5]], [[0.5, 0.2], [0.5, 0.8]], [[0.5, 0.5], [0.5, 0.5]])]
    images = images_of([[stroke.tolist()] for stroke in strokes], tmp_path)
    for stroke, image in zip(strokes, images, strict=True):
        box = shades(stroke)
        found = image[image.any(axis=1)][:, image.any(axis=0)]
        assert np.abs(found - box[box.any(axis=1)][:, box.any(axis=0)]).max() < 1 / 64  # a point on the edge


def shades(stroke, pen=0.045, side=20, fine=8):
    """The share of each pixel that a stroke covers."""
    scale = side * fine / (np.ptp(stroke, axis=0).max() + 2 * pen)
    path = (stroke - stroke.min(axis=0) + pen) * scale
    points = np.stack(np.meshgrid(*[np.arange(side * fine) + 0.5] * 2), axis=-1)
    ink = np.zeros(points.shape[:2], bool)
    for begin, end in zip([path[0], *path], path, strict=False):
        line = end - begin
        along = np.clip((points - begin) @ line / max(line @ line, 1e-9), 0, 1)
        ink |= np.linalg.norm(points - begin - along[..., np.newaxis] * line, axis=-1) <= pen * scale
    return ink.reshape(side, fine, side, fine).mean(axis=(1, 3))


@needs_node
def test_an_image_does_not_depend_on_place_or_size(tmp_path):
    strokes = np.array(STROKES["seven"][0])
    one, elsewhere = images_of([[strokes.tolist()], [(strokes * 1 + [0.05, -0.1]).tolist()]], tmp_path)
    assert np.abs(one - elsewhere).max() < 0.05
    large, small = images_of([[strokes.tolist()], [(strokes * 0.5).tolist()]], tmp_path)
    assert small.sum() > 1.5 * large.sum()  # the pen has a fixed size, so lines are thicker in a small drawing
    assert images_of([[]], tmp_path) == [None]


def test_a_saved_network_has_the_page_of_the_network(tmp_path):
    net = Network([784, 3, 10], seed=0, dtype=np.float32)
    net.save(tmp_path / "net.npz")
    page.write(load(tmp_path / "net.npz"), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == page.html(net).encode()
