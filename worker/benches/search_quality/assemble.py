"""Downloads the pinned packages with the registries' ordinary clients and unpacks them, one directory each."""
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from packages import PACKAGES, Package

LARGEST = 2_000_000


def assemble(archives: pathlib.Path, trees: pathlib.Path) -> list[Package]:
    """The packages that are there now. One that a registry no longer has is named and left out."""
    archives.mkdir(parents=True, exist_ok=True)
    present = []
    for package in PACKAGES:
        tree = trees / ("web/" + package.name if package.pool else package.name)
        marker = archives / f"{package.name}-{package.version.replace(':', '_').replace('/', '_')}.unpacked"
        if not (marker.exists() and tree.is_dir()):
            try:
                unpack(package, download(package, archives / package.name), tree)
            except (subprocess.CalledProcessError, OSError, IndexError) as error:
                print(f"left out: {package.name} {package.version}: {error}", file=sys.stderr)
                continue
            marker.touch()
        present.append(package)
    return present


def download(package: Package, into: pathlib.Path) -> pathlib.Path:
    into.mkdir(exist_ok=True)
    name = package.archive_name or package.name
    if package.registry == "pypi":
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", ".", f"{name}=={package.version}"], into)
    elif package.registry == "pypi-wheel":
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", ".", f"{name}=={package.version}"], into)
    elif package.registry == "npm":
        run(["npm", "pack", "--silent", f"{name}@{package.version}"], into)
    elif package.registry == "crates":
        return crate(name, package.version)
    elif package.registry == "debian":
        run(["apt-get", *source_lists(into.parent), "source", "-qq", "--download-only", "--tar-only", f"{name}={package.version}"], into)
    elif package.registry == "debian-binary":
        run(["apt-get", "download", "-qq", f"{name}={package.version}"], into)
    return sorted(path for path in into.iterdir() if path.name.endswith((".gz", ".xz", ".tgz", ".whl", ".deb")))[0]


def crate(name: str, version: str) -> pathlib.Path:
    with tempfile.TemporaryDirectory() as directory:
        project = pathlib.Path(directory)
        (project / "lib.rs").touch()
        (project / "Cargo.toml").write_text(
            f'[package]\nname = "sources"\nversion = "0.0.0"\n[lib]\npath = "lib.rs"\n[dependencies]\n{name} = "={version}"\n')
        run(["cargo", "fetch", "-q"], project)
        metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--offline"], cwd=project, check=True,
                                  capture_output=True, text=True).stdout
    source = pathlib.Path(next(path for path in metadata.split('"') if path.endswith(f"/{name}-{version}/Cargo.toml"))).parent
    return source.parents[2] / "cache" / source.parent.name / f"{source.name}.crate"


def source_lists(home: pathlib.Path) -> list[str]:
    """apt's options for source packages from the machine's own Debian mirror, without changing the machine."""
    home = home.resolve() / "apt"
    (home / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    sources = home / "source.sources"
    options = [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=/nonexistent", f"Dir::State::lists={home}/lists",
               f"Dir::Cache={home}"]
    options = [word for option in options for word in ("-o", option)]
    if not sources.exists():
        (home / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        text = pathlib.Path("/etc/apt/sources.list.d/debian.sources").read_text()
        sources.write_text(text.replace("Types: deb\n", "Types: deb-src\n"))
        run(["apt-get", *options, "update", "-qq"], home)
    return options


def unpack(package: Package, archive: pathlib.Path, tree: pathlib.Path) -> None:
    if archive.suffix == ".deb":
        tree.mkdir(parents=True, exist_ok=True)
        run(["dpkg-deb", "--extract", str(archive.resolve()), "."], tree)
        return
    files = wheel_files(archive) if archive.suffix == ".whl" else tar_files(archive)
    for name, content in files:
        if package.only and not any(name.startswith(directory + "/") for directory in package.only):
            continue
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def tar_files(archive: pathlib.Path):
    """Every file with its path below the archive's one top directory."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile() and member.size <= LARGEST and ".." not in member.name]
        names = [member.name.removeprefix("./") for member in members]
        tops = {name.split("/", 1)[0] for name in names}
        for member, name in zip(members, names):
            yield (name.split("/", 1)[1] if len(tops) == 1 else name), tar.extractfile(member).read()


def wheel_files(archive: pathlib.Path):
    with zipfile.ZipFile(archive) as wheel:
        for info in wheel.infolist():
            if not info.is_dir() and info.file_size <= LARGEST and ".." not in info.filename:
                yield info.filename, wheel.read(info)


def run(command: list[str], directory: pathlib.Path) -> None:
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
