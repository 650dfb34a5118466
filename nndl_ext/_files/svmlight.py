"""svmlight's and LIBSVM's text: for each image its label, then the positions and values of those pixels that are not zero."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import IO

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading, require_room

# Lines of comments, or of images without any pixel, may come first.
_FIRST_LINES = re.compile(rb"(\xef\xbb\xbf)?(\s*#.*\n|\s*[-+\d.]+(?=\s*\n))*\s*[-+\w.,]+[ \t]+(qid:\d+[ \t]+)?[-+\d.]+:[-+.\w]")


def is_svmlight(beginning: bytes) -> bool:
    """Whether a file with this beginning has this format."""
    return _FIRST_LINES.match(beginning) is not None


def announced(contents: Sequence[Content]) -> list[list[Announced]]:
    """The images and labels in each file. All have as many pixels as the widest.

    Raises
    ------
    ValueError
        If a file does not have this format, or holds few numbers for its number of pixels.
    """
    from sklearn.datasets import load_svmlight_files

    names = " and ".join(content.name for content in contents)
    with reading(names, "svmlight text"):
        loaded = load_svmlight_files([_stream(content) for content in contents], dtype=np.float32)
        matrices, labels = loaded[::2], loaded[1::2]
        for content, matrix in zip(contents, matrices, strict=True):
            require_room(4 * matrix.shape[0] * matrix.shape[1], len(content))
    return [
        [
            Announced(content.name, matrix.shape, matrix.dtype, matrix.toarray),
            Announced.of(y, f"{content.name}: labels"),
        ]
        for content, matrix, y in zip(contents, matrices, labels, strict=True)
    ]


def _stream(content: Content) -> IO[bytes]:
    """The file as a stream, after its byte order mark if it has one."""
    stream = content.stream()
    if content.beginning.startswith(BOM_UTF8):
        stream.read(len(BOM_UTF8))
    return stream
