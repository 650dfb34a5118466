"""Recognizes the kind of a file, for the message that says why it can't be read."""

from __future__ import annotations

_SIGNATURES = {
    b"PK": "a zip archive",
    b"\x93NUMPY": "a single NumPy array",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB": "a MATLAB file",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"\x1f\x8b": "a gzip file within a gzip file",
    b"\x28\xb5\x2f\xfd": "a file compressed by Zstandard",
    b"\xff\xfe": "text in UTF-16 instead of UTF-8",
    b"\xfe\xff": "text in UTF-16 instead of UTF-8",
    b"version https://git-lfs": "a Git LFS pointer instead of the file itself",
}


def kind(beginning: bytes) -> str | None:
    """The kind of a file by its first bytes, or None if it is unknown."""
    if not beginning.lstrip(b"\xef\xbb\xbf \t\r\n"):
        return "an empty file"
    for signature, name in _SIGNATURES.items():
        if beginning.startswith(signature):
            return name
    text = beginning[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "a web page"
    if text.startswith(b"<"):
        return "XML or a web page"
    if beginning[257:262] == b"ustar":
        return "a tar archive"
    even, odd = beginning[:200:2], beginning[1:200:2]
    if len(odd) > 1 and ((all(even) and not any(odd)) or (all(odd) and not any(even))):
        return "text in UTF-16 instead of UTF-8"
    if text.startswith((b"{", b"[")) and text.isascii():
        return "text in JSON or the like"
    first_line = text.partition(b"\n")[0]
    if first_line.count(b",") >= 2 and b"\0" in beginning:
        return "a table in CSV with null characters"
    if first_line.count(b",") >= 2 and text.isascii() and b"\0" not in text:
        return "a table in CSV"
    if max(first_line.count(b" "), first_line.count(b"|")) >= 2 and text.isascii() and b"\0" not in text:
        return "text whose columns neither commas nor semicolons nor tabs separate"
    return None
