"""Takes the source files out of packages. Writes nothing but text that a grammar reads, and never runs what it unpacks."""

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from languages import EXTENSIONS

MAX_MEMBER_BYTES = 400_000
README_NAMES = {"readme.md"}


def is_wanted(name, size):
    path = PurePosixPath(name)
    return 0 < size <= MAX_MEMBER_BYTES and (path.suffix[1:] in EXTENSIONS or path.name.lower() in README_NAMES)


def write(target, name, content):
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    path = target.joinpath(*parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError, OSError):
        return 0
    return 1


def unpack_tar(archive, target):
    written = 0
    with archive:
        for member in archive:
            if member.isfile() and is_wanted(member.name, member.size):
                written += write(target, member.name, archive.extractfile(member).read())
    return written


def unpack(file, target):
    """Unpacks a wheel, an npm or crate archive, a Debian package or a source archive; says how many files it held."""
    file = Path(file)
    if file.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if is_wanted(member.filename, member.file_size)]
            return sum(write(target, member.filename, archive.read(member)) for member in members)
    if file.suffix == ".deb":
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", file], check=True, capture_output=True).stdout
        return unpack_tar(tarfile.open(fileobj=io.BytesIO(content)), target)
    return unpack_tar(tarfile.open(file), target)
