"""Downloads the packages of packages.tsv through each registry's own client and unpacks their sources.

A version that a registry no longer has is reported and left out, except Debian's, which keeps one version at a time: the one
it has is taken and reported. Needs pip, npm, cargo and, for Debian's packages, apt-get and dpkg-deb.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from unpack import unpack

HERE = Path(__file__).parent


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def in_batches(packages, size, fetch):
    """Calls `fetch` on batches; a batch that fails is halved until the package at fault is alone."""
    for start in range(0, len(packages), size):
        halves(packages[start:start + size], fetch)


def halves(batch, fetch):
    answer = fetch(batch)
    if answer.returncode == 0:
        return
    if len(batch) == 1:
        print(f"{batch[0]['name']}: {answer.stderr.strip()[-200:]}", file=sys.stderr)
        return
    middle = len(batch) // 2
    halves(batch[:middle], fetch)
    halves(batch[middle:], fetch)


def from_pypi(packages, folder):
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder]
    in_batches(packages, 25, lambda batch: run(command + [f"{one['name']}=={one['version']}" for one in batch]))
    for file in folder.glob("*.whl"):
        yield file.name.split("-")[0], [file]


def from_npm(packages, folder):
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder]
    in_batches(packages, 25, lambda batch: run(command + [f"{one['name']}@{one['version']}" for one in batch]))
    for one in packages:
        file = folder / f"{one['name'].lstrip('@').replace('/', '-')}-{one['version']}.tgz"
        if file.exists():
            yield one["name"], [file]


def from_crates(packages, folder):
    environment = dict(os.environ, CARGO_HOME=str(folder / "home"))

    def fetch(batch):
        project = folder / "project"
        shutil.rmtree(project, ignore_errors=True)
        (project / "src").mkdir(parents=True)
        (project / "src/lib.rs").touch()
        wanted = "".join(f'{one["name"]} = {{ version = "={one["version"]}", default-features = false }}\n' for one in batch)
        manifest = f'[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n{wanted}'
        (project / "Cargo.toml").write_text(manifest)
        return run(["cargo", "fetch", "-q", "--target", "x86_64-unknown-linux-gnu"], cwd=project, env=environment)

    in_batches(packages, 12, fetch)
    for one in packages:
        files = list(folder.glob(f"home/registry/cache/*/{one['name']}-{one['version']}.crate"))
        if files:
            yield one["name"], files[:1]


def newest(packages, folder, command):
    """Debian's: the pinned version, or the one there is."""
    for pinned in (True, False):
        missing = [one for one in packages if not any(folder.glob(f"{one['name']}_*"))]
        spec = "{name}={version}" if pinned else "{name}"
        in_batches(missing, 40, lambda batch: run(command + [spec.format(**one) for one in batch], cwd=folder))


def from_debian(packages, folder):
    newest(packages, folder, ["apt-get", "download", "-q"])
    for file in folder.glob("*.deb"):
        yield file.name.split("_")[0], [file]


def from_debian_source(packages, folder):
    # A list of its own, with the sources of what the machine installs from.
    entries = "\n\n".join(path.read_text() for path in Path("/etc/apt/sources.list.d").glob("debian*.sources"))
    apt = folder / "apt"
    (apt / "lists/partial").mkdir(parents=True, exist_ok=True)
    (apt / "debian.sources").write_text(re.sub(r"^Types:.*$", "Types: deb-src", entries, flags=re.M))
    options = ["-o", f"Dir::Etc::sourceparts={apt}", "-o", "Dir::Etc::sourcelist=/dev/null",
               "-o", f"Dir::State::lists={apt / 'lists'}", "-o", "APT::Sandbox::User=root"]
    run(["apt-get", *options, "update"])
    newest(packages, folder, ["apt-get", *options, "source", "-q", "--download-only", "--only-source"])
    for description in folder.glob("*.dsc"):
        text = description.read_text(errors="replace")
        files = re.findall(r"^ [0-9a-f]{64} \d+ (\S+\.tar\.\w+)$", text, re.M)
        original = [name for name in files if ".orig" in name] or files
        yield re.search(r"^Source: (\S+)", text, re.M)[1], [folder / name for name in original]


CLIENTS = {"pypi": from_pypi, "npm": from_npm, "crates": from_crates, "debian": from_debian,
           "debian-source": from_debian_source}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def main(data):
    data = Path(data).resolve()
    by_registry = defaultdict(list)
    with open(HERE / "packages.tsv") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            by_registry[row["registry"]].append(row)
    for registry, packages in by_registry.items():
        known = {plain(one["name"]): one for one in packages}
        folder = data / "archives" / registry
        folder.mkdir(parents=True, exist_ok=True)
        files = 0
        for name, archives in CLIENTS[registry](packages, folder):
            one = known.pop(plain(name), None)
            if one is None:
                continue
            target = data / "sources" / one["split"] / registry / one["name"].replace("/", "__")
            files += sum(unpack(archive, target) for archive in archives if archive.exists())
        print(f"{registry}: {files} files; not found: {', '.join(sorted(known)) or 'none'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
