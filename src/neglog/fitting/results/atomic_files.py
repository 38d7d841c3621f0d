"""Write several files atomically: all or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from neglog.errors.options import OutputFolderError


def check(folder: Path, of_a_run: Collection[str], overwrite: bool) -> None:
    """Refuse an unwritable folder before the fit starts.

    Args:
        folder: where a run is to be written.
        of_a_run: the names of a run's files; a folder that holds one of them is one of a run.
        overwrite: whether to write into a folder with other files.

    Raises:
        FitError: the folder is a file, may not be written, or holds something else than a run.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; --out must be a folder.")
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise OutputFolderError(f"{nearest} is a file, so that no folder can be made in it.")
    if not os.access(nearest, os.W_OK):
        raise OutputFolderError(f"{nearest} may not be written; choose another folder for --out.")
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if there and not there & set(of_a_run) and not overwrite:
        raise OutputFolderError(
            f"{folder} holds {sorted(there)[0]!r}, which is not part of a run; choose another "
            "folder for --out, or pass --overwrite to write into it."
        )
    for name in there & set(of_a_run):
        if (folder / name).is_dir():
            raise OutputFolderError(
                f"{folder / name} is a folder where a file is to be; remove it."
            )


Content = bytes | Callable[[Path], None]
"""What a file holds, or what writes it to a path."""


def write_files(
    files: Mapping[str, Content], folder: Path, stale: Collection[str] = ()
) -> list[Path]:
    """Write several files; they appear only once all are complete.

    Args:
        files: their contents by name.
        folder: where; it is made where there is none.
        stale: names of files to remove.

    Raises:
        FitError: they cannot be written; then nothing is left behind.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".neglog-", dir=folder) as place:
            for name, content in files.items():
                if callable(content):
                    content(Path(place, name))
                else:
                    Path(place, name).write_bytes(content)
            for name in set(stale) - set(files):
                (folder / name).unlink(missing_ok=True)
            return [Path(place, name).replace(folder / name) for name in files]
    except OSError as error:
        for path in created:
            if path.exists():
                path.rmdir()
        reason = error.strerror or error
        raise OutputFolderError(
            f"{folder} cannot be written ({reason}); nothing was left there."
        ) from None


def write_file(content: bytes, path: Path) -> None:
    """Write one file; it appears only once it is complete.

    Raises:
        FitError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        raise OutputFolderError(f"{path} is not a file that can be replaced; choose another name.")
    write_files({path.name: content}, path.absolute().parent)
