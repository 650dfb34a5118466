"""The formats of files that hold a data set or a part of one: how each is recognized, which function reads it, what that needs.

To add a format, write its reader and add a line to the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from nndl_ext._files import arff, hdf5, matlab, matlab4, parquet, svmlight, tables
from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.disk import npz_announced
from nndl_ext._files.named import by_names

# Images and labels of all parts that a file holds; or only images, if it has no labels.
Pairs = list[Announced]

# The names under which libraries are installed, where these differ.
_PACKAGES = {"PIL": "Pillow", "sklearn": "scikit-learn"}


class Format(NamedTuple):
    """A format of files.

    Attributes
    ----------
    what : str
        What to call such a file.
    recognizes : callable
        Says whether a file with these first decompressed bytes is one.
    reader : callable
        Reads files that belong together: those of a set.
    needs : tuple of str
        The libraries that the reader imports.
    """

    what: str
    recognizes: Callable[[bytes], bool]
    reader: Callable[[Sequence[Content]], list[Pairs]]
    needs: tuple[str, ...] = ()

    def read(self, contents: Sequence[Content]) -> list[Pairs]:
        """The arrays in each of some files that belong together.

        Raises
        ------
        ImportError
            If a library is missing.
        ValueError
            If a file is invalid.
        """
        for library in self.needs:
            try:
                import_module(library)
            except ImportError as error:
                package = _PACKAGES.get(library, library)
                raise ImportError(
                    f"{contents[0].name} is {self.what}; to read it, install {package}: pip install 'nndl-ext[formats]'"
                ) from error
        return self.reader(contents)


def _each(read: Callable[[Content], Pairs]) -> Callable[[Sequence[Content]], list[Pairs]]:
    """The reader of several files, from that of one."""
    return lambda contents: [read(content) for content in contents]


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda beginning: beginning.startswith(signatures)


def _npz(content: Content) -> Pairs:
    with reading(content.name, "a NumPy archive"):
        data = content.whole()
    return by_names(npz_announced(data, content.name), content.name)


# The first that recognizes a file reads it.
_FORMATS = (
    Format("a NumPy archive", _begins(b"PK"), _each(_npz)),
    Format("a parquet file", _begins(b"PAR1"), parquet.announced, ("pyarrow", "PIL")),
    Format("an HDF5 file", _begins(b"\x89HDF", b"MATLAB 7.3"), _each(hdf5.announced), ("h5py",)),
    Format("a MATLAB file", _begins(b"MATLAB 5.0"), _each(matlab.announced), ("scipy",)),
    Format("a MATLAB file", matlab4.is_matlab_4, _each(matlab4.announced)),
    Format("an ARFF file", arff.is_arff, _each(arff.announced)),
    Format("svmlight text", svmlight.is_svmlight, svmlight.announced, ("sklearn",)),
    Format("a table in CSV", tables.is_table, _each(tables.announced)),
)


def format_of(beginning: bytes) -> Format | None:
    """The format of a file by its first decompressed bytes, or None if it is none of these."""
    return next((each for each in _FORMATS if each.recognizes(beginning)), None)
