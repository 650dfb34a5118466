"""Reads untrusted files within bounds, and writes files completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from nndl_ext._files.contents import LARGEST_PART, Announced, joined, largest, reading

if TYPE_CHECKING:
    import zipfile
    from importlib.resources.abc import Traversable

AnyPath = str | os.PathLike[str]

# More than any array of numbers or text needs.
_LONGEST_HEADER = 2**16


def raw(file: Traversable) -> bytes:
    """The bytes of a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the path is not a regular file: a device, for example, may never end.
    OSError, MemoryError
        If it can't be read, or not at once. The message names it.
    """
    if not file.is_file() and os.path.exists(str(file)):
        raise ValueError(f"{file} is not a file")
    try:
        return file.read_bytes()
    except MemoryError as error:
        raise MemoryError(f"{file} is too large for the memory") from error
    except OSError as error:  # an error of reading, other than one of opening, does not name the file
        raise type(error)(error.errno, error.strerror, str(file)) from error


def npz_arrays(data: bytes, name: str) -> dict[str, np.ndarray]:
    """The arrays of a NumPy archive by name. Only numbers and text are allowed, since pickled objects can run code.

    Raises
    ------
    ValueError
        If this is not such an archive, it is damaged, an array does not match its header, or the arrays are larger than 256
        times the archive plus 1 MiB. The message starts with ``name``.
    """
    announced = npz_announced(data, name)
    if sum([array.dtype.itemsize * math.prod(array.shape) for array in announced.values()]) > largest(len(data)):
        raise ValueError(
            f"{name} is not a NumPy archive that can be read: it announces more data than a file of its size can hold"
        )
    return {key: array.read() for key, array in announced.items()}


def npz_announced(data: bytes, name: str) -> dict[str, Announced]:
    """The arrays that the headers in a NumPy archive announce, by name.

    Raises
    ------
    ValueError
        If this is not such an archive, it is damaged, or it holds anything but numbers and text. The message starts with
        ``name``.
    """
    import zipfile  # here, to keep the package quick to import

    arrays = {}
    with reading(name, "a NumPy archive"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        _refuse_bombs(archive, len(data))
        for member in archive.infolist():
            key = member.filename.removesuffix(".npy")
            if key == member.filename:
                raise ValueError(f"it holds {key}, which is not an array")
            arrays[key] = _npy_announced(archive, member, f"{name}: {key}")
    return arrays


def replace(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file completely or not at all.

    The data go to a temporary file in the same folder, which is flushed to disk and then renamed. So at any moment either the
    old file exists or the new one. A process that is killed may leave the temporary file, whose name ends in ``.tmp``.

    Parameters
    ----------
    path : str or path-like
        The file. A link is followed.
    data : bytes
        The new content.

    Raises
    ------
    PermissionError
        If the file exists and is read-only for its owner or for this process.
    OSError
        If the file can't be written, or the path is something other than a file. What exists there is then unchanged.
    """
    target, mode = _place(path)
    try:
        with _temporary(target) as temporary:
            temporary.write(data)
            temporary.flush()
            os.fsync(temporary.fileno())
            temporary.close()  # Windows can't rename an open file
            if mode is not None:
                os.chmod(temporary.name, stat.S_IMODE(mode))
            os.replace(temporary.name, target)
    except OSError as error:
        raise type(error)(error.errno, f"{error.strerror}; nothing was changed", target) from error
    # The new file is in place. Flush its name to disk too, where the system and the folder allow it.
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(target), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def resolved(path: str | os.PathLike[str]) -> str:
    """The absolute path, with links resolved.

    Raises
    ------
    FileNotFoundError
        If the path is relative and the current folder has been removed.
    """
    try:
        return os.path.realpath(path)
    except FileNotFoundError as error:  # of the current folder, not of the path
        raise FileNotFoundError(error.errno, "The current folder no longer exists", os.fspath(path)) from error


def require_writable(path: str | os.PathLike[str]) -> None:
    """Check in advance, as far as possible, that `replace` can write a file. Nothing is changed.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    target, _ = _place(path)
    try:
        with _temporary(target):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, target) from error


def _place(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """The path with links resolved, and the mode of an existing file, checked to be replaceable."""
    target = resolved(path)  # drops a separator at the end
    if os.path.basename(os.fspath(path)) in ("", ".", ".."):
        raise IsADirectoryError(errno.EISDIR, "The path names a folder, not a file", os.fspath(path))
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(mode):
        raise OSError(f"{target} exists and is not a file")
    # Renaming needs no permission for the target itself, and root has every permission. So the mode must be checked.
    if not mode & stat.S_IWUSR or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "The file is read-only; nothing was changed", target)
    return target, mode


@contextlib.contextmanager
def _temporary(target: str) -> Iterator[BinaryIO]:
    """A new file in the target's folder, removed at the end unless it has been renamed."""
    name = f"{target}.{os.urandom(4).hex()}.tmp"
    try:
        with open(name, "xb") as file:
            yield file
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _refuse_bombs(archive: zipfile.ZipFile, size: int) -> None:
    if sum([member.compress_size for member in archive.infolist()]) > size:
        raise ValueError("its parts overlap")
    for member in archive.infolist():
        if member.compress_type not in (0, 8):  # stored, deflated
            # with other methods, the reader would decompress whole blocks at once, of any size
            raise ValueError(f"{member.filename} is compressed by a method that NumPy does not use")


def _npy_announced(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Announced:
    """The array of a ``.npy`` file in an archive."""
    with archive.open(member) as file:
        stream = io.BytesIO(file.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array has the unknown format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(stream)
    if dtype.kind not in "fiubU" or dtype.hasobject or dtype.names:
        raise ValueError(f"an array has dtype {dtype}, but only numbers and text are allowed")
    begin, size = stream.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or begin + size != member.file_size:
        raise ValueError(f"an array announces the shape {shape} of {dtype}, but holds {member.file_size - begin} bytes")

    def read() -> np.ndarray:
        try:
            if member.file_size <= LARGEST_PART:
                array = np.frombuffer(archive.read(member), np.uint8, size, begin)
            else:
                array = joined(lambda: _parts(archive, member), begin, size, member.compress_size)
        except Exception as error:
            raise ValueError(f"{name} can't be read: {error}") from error
        return array.view(dtype).reshape(shape, order="F" if fortran_order else "C")

    return Announced(name, shape, dtype, read)


def _parts(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as file:
        while part := file.read(LARGEST_PART):
            yield part
