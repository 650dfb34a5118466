"""How data sets and networks look in a notebook."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nndl_ext import Dataset, Network, perceptron


class Cells(HTMLParser):
    """Collects the texts of a table's rows, and checks that tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, _):
        if tag != "img":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_the_first_images_of_a_data_set_are_shown_with_their_labels(mnist):
    image = pytest.importorskip("PIL.Image")
    html = mnist[2]._repr_html_()
    assert "<strong>Dataset</strong> of 10,000 pairs: 784 inputs, labels from 0 to 9" in html
    assert Cells(html).rows[1] == list("7210414959")
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    assert len(pictures) == 10
    for picture, x in zip(pictures, mnist[2].x, strict=False):
        with image.open(io.BytesIO(base64.b64decode(picture))) as opened:
            shown = np.asarray(opened)
        assert shown.shape == (28, 28)
        assert np.abs((255 - shown.ravel()) / 255 - x * 256 / 255).max() < 0.003
    assert len(html) < 8000


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (Dataset(np.ones((1, 4)), [3]), "1 pair: 4 inputs, labels from 3 to 3"),
        (Dataset(np.ones((2, 64)), np.ones((2, 1))), "2 pairs: 64 inputs, 1 desired output<"),
        (Dataset(np.zeros((2, 64)), np.eye(2)), "2 pairs: 64 inputs, 2 desired outputs"),
        (Dataset(np.empty((0, 64)), np.empty(0, int)), "0 pairs: 64 inputs, labels<"),
        (Dataset(np.full((2, 65), -1.5), [0, 1]), "2 pairs: 65 inputs, labels from 0 to 1"),
    ],
)
def test_other_data_sets_are_named(data, text):
    html = data._repr_html_()
    assert text in html.replace("</p>", "<")
    Cells(html)


def test_a_sparse_data_set_is_shown(mnist):
    sparse = pytest.importorskip("scipy.sparse")
    part = mnist[2][:5]
    assert Dataset(sparse.csr_array(part.x), part.y)._repr_html_() == Dataset(part.x, part.y)._repr_html_()


def test_the_layers_of_a_network_are_shown():
    html = Network([784, 30, 10], dtype=np.float32)._repr_html_()
    assert "<strong>network.Network</strong> of 23,860 parameters in float32" in html
    assert Cells(html).rows == [
        ["layer", "neurons", "activation", "weights"],
        ["inputs", "784", "", ""],
        ["hidden layer 1", "30", "sigmoid", "30 x 784"],
        ["outputs", "10", "sigmoid", "10 x 30"],
    ]
    html = perceptron.Network([2, 1])._repr_html_()
    assert "perceptron.Network" in html
    assert Cells(html).rows[-1] == ["outputs", "1", "step", "1 x 2"]


def test_a_class_of_a_user_s_own_is_named():
    class Own(Network):
        pass

    assert "&lt;locals&gt;.Own</strong>" in Own([2, 1])._repr_html_()


def test_classes_have_their_names():
    names = ["<script>alert(1)</script>", "R&D", '"b"']
    html = Dataset(np.ones((4, 64)), [2, 0, 1, 3], class_names=names)._repr_html_()
    assert Cells(html).rows[1] == [names[2], names[0], names[1], "3"]
    net = Network([64, 3])
    net.classes = names
    for shown in (html, net._repr_html_()):
        Cells(shown)
        assert "; classes &lt;script&gt;alert(1)&lt;/script&gt;, R&amp;D, &quot;b&quot;</p>" in shown
    net.classes = [str(number) for number in range(1000)]
    assert "28, 29 and 970 more</p>" in net._repr_html_()
