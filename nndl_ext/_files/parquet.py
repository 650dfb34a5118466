"""Parquet as Hugging Face writes it: a column of encoded images, and a column of labels whose names stand in the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading, require_room
from nndl_ext._files.named import labels_among

# Rows read at once. A file may repeat one large image many times, so these are few.
_ROWS = 4

_WHAT = "a parquet file of images"


def announced(contents: Sequence[Content]) -> list[list[Announced]]:
    """The images and labels in each file; only images if its labels are missing or all -1.

    Raises
    ------
    ValueError
        If a file has no column of encoded images, or is damaged.
    """
    from nndl_ext._files.decoding import same_channels

    read = [_read(content) for content in contents]
    images = same_channels([x for x, _, _ in read])
    result = []
    for content, x, (_, labels, names) in zip(contents, images, read, strict=True):
        result.append([Announced.of(x, content.name)])
        if labels is not None and not (labels == -1).all():
            result[-1].append(Announced.of(labels, content.name, names))
    return result


def _read(content: Content) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """The images, the labels if there are any, and the names of classes."""
    import pyarrow
    from pyarrow import parquet

    from nndl_ext._files.decoding import decoded

    with reading(content.name, _WHAT):
        file = parquet.ParquetFile(pyarrow.BufferReader(content.whole()))
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        require_room(sum(group.total_byte_size for group in groups), len(content))
        image, label, names = _columns(file.schema_arrow)
        labels: list[Any] = []
        size = 0

        def rows() -> Iterator[tuple[str, bytes]]:
            nonlocal size
            for batch in file.iter_batches(_ROWS, columns=[image, label] if label else [image], use_threads=False):
                labels.extend(batch.column(label).to_pylist() if label else ())
                size += sum(len(each) if isinstance(each, (str, list)) else 1 for each in labels[-len(batch) :])
                require_room(8 * size, len(content))
                for cell in batch.column(image).to_pylist():
                    encoded = cell["bytes"] if isinstance(cell, dict) else cell
                    if not encoded:
                        raise ValueError("it has images outside of the file, or none")
                    yield f"{content.name}: {image}", encoded

        images = decoded(rows(), file.metadata.num_rows, len(content))
        if not label:
            return images, None, ()
        array = np.array(labels, object if any(isinstance(each, str) for each in labels) else None)
        if array.dtype.kind == "O" and not {*map(type, labels)} <= {str, type(None)}:
            raise ValueError("it has labels that are neither numbers nor texts, or lacks some")
        return images, array, names


def _columns(schema: Any) -> tuple[str, str | None, tuple[str, ...]]:
    """The names of the columns of images and of labels, and those of the classes."""
    import json  # here, to keep the package quick to import

    types = {name: str(schema.field(name).type) for name in schema.names}
    images = [name for name, kind in types.items() if kind in ("binary", "large_binary") or kind.startswith("struct<bytes: ")]
    if not images:
        raise ValueError(f"it has no column of encoded images, but {', '.join(schema.names[:10])}")
    features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    named = [name for name in schema.names if features.get(name, {}).get("_type") == "ClassLabel"]
    whole = [name for name, kind in types.items() if kind[:3] == "int"]
    labels = labels_among(types) or named or whole
    label = labels[0] if labels else None
    if labels is whole and len(whole) > 1:
        raise ValueError(f"it has several columns of whole numbers, and none is called label: {', '.join(whole[:10])}")
    return (
        next((name for name in images if name in ("image", "img")), images[0]),
        label,
        tuple(map(str, features.get(label, {}).get("names", ()))),
    )
