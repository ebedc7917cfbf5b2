"""An installation of its own: a home, a Postgres on a port of its own, and a copy of a tree, indexed with the built-in model."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

PROJECT = "load"


class Home:
    """Servers get the address of its Postgres by QUARRY_DATABASE_URL, so that none of them starts it when it is stopped."""

    def __init__(self, quarry: str, tree: pathlib.Path):
        self.quarry = quarry
        self._above = tempfile.TemporaryDirectory(prefix="quarry-load-")
        above = pathlib.Path(self._above.name)
        above.chmod(0o755)
        self.tree, self._home, self._postgres = above / "tree", above / "home", above / "postgres"
        self._home.mkdir()
        self._postgres.mkdir()
        shutil.copytree(tree, self.tree, symlinks=True)
        (self.tree / ".git").mkdir(exist_ok=True)
        # Where the programs of Postgres are is worth keeping: without them and its network they would be installed.
        kept = "QUARRY_POSTGRES_BIN"
        inherited = {name: value for name, value in os.environ.items() if name == kept or not name.startswith("QUARRY_")}
        self._without_server = {**inherited, "QUARRY_HOME": str(self._postgres)}
        self.start_postgres()
        self.environment = {**inherited, "QUARRY_HOME": str(self._home), "QUARRY_DATABASE_URL": self._url()}

    def index(self) -> dict:
        return json.loads(self.run("index", str(self.tree), "--project", PROJECT, "--wait", "--json"))

    def run(self, *arguments: str) -> str:
        done = subprocess.run([self.quarry, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"quarry {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start_postgres(self) -> None:
        """Returns when it takes connections."""
        subprocess.run([self.quarry, "project", "list"], env=self._without_server, stdout=subprocess.DEVNULL, check=True)

    def stop_postgres(self) -> None:
        subprocess.run([self.quarry, "down"], env=self._without_server, stdout=subprocess.DEVNULL, check=True)

    def postgres_pid(self) -> int:
        return int((self._postgres / "postgres/data/postmaster.pid").read_text().splitlines()[0])

    def model_pid(self) -> int:
        return json.loads((self._home / "run/embedder.json").read_text())["pid"]

    def end(self) -> None:
        subprocess.run([self.quarry, "down"], env={**self.environment, "QUARRY_DATABASE_URL": ""},
                       stdout=subprocess.DEVNULL, check=False)
        self.stop_postgres()
        self._above.cleanup()

    def _url(self) -> str:
        below = self._postgres / "postgres"
        port = json.loads((below / "state.json").read_text())["port"]
        return f"postgres://quarry:{(below / 'password').read_text().strip()}@127.0.0.1:{port}/postgres"
