#!/usr/bin/env python3
"""Assembles a source tree of exactly N files from pinned registry packages, the same on every machine.

usage: assemble.py N DIRECTORY [--cache DIRECTORY]

Python from PyPI wheels, JavaScript and TypeScript from npm tarballs. Files are taken in equal steps through the sorted
list of all candidates, so every package is represented whatever N is. No file is larger than 200 kB.
"""
import argparse
import pathlib
import subprocess
import sys
import tarfile
import zipfile

PYPI = [
    "django==5.2.7",
    "sympy==1.14.0",
    "transformers==5.0.0",
    "sqlalchemy==2.0.44",
    "scikit-learn==1.7.2",
    "pandas==2.3.3",
    "networkx==3.5",
    "matplotlib==3.10.7",
    "scipy==1.16.3",
    "ansible==12.1.0",
]
NPM = ["rxjs@7.8.2", "three@0.180.0", "date-fns@4.1.0", "typeorm@0.3.27", "@babel/types@7.28.4", "@angular/core@20.3.0"]
SUFFIXES = {".py", ".pyi", ".js", ".mjs", ".ts", ".tsx", ".c", ".h", ".cpp", ".html", ".css", ".md", ".rst", ".yml", ".yaml"}
LARGEST = 200_000
# Wheels differ by platform in compiled files only, and those are not taken: any one platform gives the same tree.
PLATFORM = ["--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64",
            "--platform", "manylinux_2_27_x86_64", "--python-version", "3.12", "--implementation", "cp"]


def download(cache: pathlib.Path) -> list[pathlib.Path]:
    cache.mkdir(parents=True, exist_ok=True)
    marker = cache / "complete"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(cache), *PLATFORM, *PYPI], check=True)
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", str(cache), *NPM], check=True, stdout=subprocess.DEVNULL)
        marker.touch()
    return sorted(path for path in cache.iterdir() if path.suffix in (".whl", ".tgz"))


def members(archive: pathlib.Path):
    """Yields (name, read) of every candidate in an archive."""
    wanted = lambda name, size: pathlib.PurePosixPath(name).suffix in SUFFIXES and 0 < size <= LARGEST and ".." not in name
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if wanted(info.filename, info.file_size):
                    yield info.filename, wheel.read(info)
    else:
        prefix = archive.name.rsplit("-", 1)[0]
        with tarfile.open(archive) as tar:
            for info in tar:
                if info.isfile() and wanted(info.name, info.size):
                    yield f"{prefix}/{info.name.split('/', 1)[1]}", tar.extractfile(info).read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=int)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("target/corpus"))
    arguments = parser.parse_args()
    candidates = sorted((name, content) for archive in download(arguments.cache) for name, content in members(archive))
    if len(candidates) < arguments.files:
        sys.exit(f"only {len(candidates)} files in the pinned packages")
    step = len(candidates) / arguments.files
    total = 0
    for index in range(arguments.files):
        name, content = candidates[int(index * step)]
        target = arguments.directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        total += len(content)
    print(f"{arguments.files} of {len(candidates)} files, {total / 1e6:.1f} MB in {arguments.directory}")


if __name__ == "__main__":
    main()
