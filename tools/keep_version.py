"""Copies built documentation into the published site: one folder for each version, a list of them, and a first page.

``python tools/keep_version.py BUILT SITE VERSION ADDRESS``, where VERSION is ``dev`` or a release. The first page redirects to
the newest release.
"""

import json
import re
import shutil
import sys
from pathlib import Path

_FIRST_PAGE = (
    '<!doctype html>\n<meta charset="utf-8">\n<title>nndl-ext</title>\n<meta http-equiv="refresh" content="0; url={}/">\n'
)


def newest_first(names: list[str]) -> list[str]:
    """Sort versions, newest first: a release before its pre-releases, and ``dev`` last."""

    def key(name: str) -> tuple[bool, list[int], bool, str]:
        numbers = re.match(r"\d+(\.\d+)*", name)
        rest = name[numbers.end() :] if numbers else name
        return numbers is not None, [int(part) for part in numbers[0].split(".")] if numbers else [], not rest, rest

    return sorted(names, key=key, reverse=True)


def main(built: str, site: str, version: str, address: str) -> None:
    """Copy the version, and write the list of versions and the first page."""
    if not re.fullmatch(r"dev|\d+(\.\d+)*((a|b|rc)\d+)?", version):
        raise SystemExit(f"the version must be dev or a release such as 1.2.3, not {version!r}")
    if not (Path(built) / "index.html").is_file():
        raise SystemExit(f"{built} holds no built documentation: it has no index.html")
    root = Path(site)
    shutil.rmtree(root / version, ignore_errors=True)
    shutil.copytree(built, root / version, ignore=shutil.ignore_patterns(".buildinfo", ".doctrees"))
    versions = newest_first([path.name for path in root.iterdir() if (path / "index.html").is_file()])
    newest = next((name for name in versions if name.replace(".", "").isdigit()), versions[0])
    entries = [{"name": name, "version": name, "url": f"{address}/{name}/", "preferred": name == newest} for name in versions]
    (root / "versions.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    (root / "index.html").write_text(_FIRST_PAGE.format(newest), encoding="utf-8")
    (root / ".nojekyll").touch()  # otherwise folders whose names begin with an underscore are not published


if __name__ == "__main__":
    main(*sys.argv[1:])
