"""The packages whose sources the evaluation searches, pinned by version, and which of them weights may be chosen on."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    language: str
    """The language of its generated queries; a hand-written question may name another."""
    registry: str
    """pypi (source distribution), npm, crates, debian (original source archive) or debian-binary."""
    version: str
    split: str
    """dev: weights may be chosen on it. test: only ever looked at for the final tables."""
    archive_name: str = ""
    """The package's name in its registry where that is another."""
    only: tuple[str, ...] = ()
    """Directories that are taken, of packages that are too large for ten minutes on two cores."""
    pool: bool = False
    """Part of the one tree that the web-style questions are asked of, and of no other set."""


PACKAGES = [
    Package("celery", "python", "pypi", "5.5.3", "dev"),
    Package("httpx", "python", "pypi", "0.28.1", "test"),
    Package("axum", "rust", "crates", "0.8.6", "dev"),
    Package("clap_builder", "rust", "crates", "4.5.50", "test"),
    Package("fastify", "javascript", "npm", "5.6.1", "dev"),
    Package("trpc-server", "typescript", "npm", "11.6.0", "test", archive_name="@trpc/server"),
    Package("gin", "go", "debian", "1.8.1-1", "dev", archive_name="golang-github-gin-gonic-gin"),
    Package("cobra", "go", "debian", "1.6.1-1", "test", archive_name="golang-github-spf13-cobra"),
    Package("jsoup", "java", "debian", "1.15.3-1", "test"),
    Package("expo-modules-core", "swift", "npm", "3.0.20", "test"),
    Package("libuv", "c", "debian", "1.44.2-1+deb12u1", "dev", archive_name="libuv1"),
    Package("hiredis", "c", "debian", "0.14.1-3", "test"),
    Package("leveldb", "cpp", "debian", "1.23-4", "dev"),
    Package("spdlog", "cpp", "debian", "1:1.10.0+ds-0.4", "test"),
    Package("newtonsoft-json", "csharp", "debian", "6.0.8+dfsg-1.1", "test"),
    Package("sidekiq", "ruby", "debian", "6.4.1+dfsg-1", "dev", archive_name="ruby-sidekiq"),
    Package("monolog", "php", "debian", "2.9.1-1", "dev", archive_name="php-monolog"),
    Package("twig", "php", "debian", "3.5.1-1+deb12u3", "test", archive_name="php-twig"),
    Package("luarocks", "lua", "debian", "3.8.0+dfsg1-1", "test"),
    Package("megaparsec", "haskell", "debian", "9.2.2-1", "dev", archive_name="haskell-megaparsec"),
    Package("conduit", "haskell", "debian", "1.3.4.3-1", "test", archive_name="haskell-conduit"),
    Package("elixir", "elixir", "debian", "1.14.0.dfsg-2", "test", archive_name="elixir-lang", only=("lib/elixir", "lib/logger")),
    Package("bash-completion", "bash", "debian", "1:2.11-6", "test"),
    Package("scala", "scala", "debian", "2.11.12-5", "dev", only=("src/library", "test/junit", "spec")),
    Package("zig", "zig", "pypi-wheel", "0.13.0.post1", "dev", archive_name="ziglang",
            only=("ziglang/lib/std/json", "ziglang/lib/std/http", "ziglang/lib/std/fs", "ziglang/lib/std/hash",
                  "ziglang/lib/std/heap", "ziglang/lib/std/fmt", "ziglang/lib/std/process", "ziglang/lib/std/Build",
                  "ziglang/lib/std/Thread", "ziglang/lib/std/compress", "ziglang/lib/std/sort", "ziglang/lib/std/time")),
    Package("boltons", "python", "pypi", "25.0.0", "dev", pool=True),
    Package("lodash", "javascript", "npm", "4.17.21", "dev", pool=True),
    Package("more-itertools", "python", "pypi", "10.8.0", "test", pool=True),
    Package("werkzeug", "python", "pypi", "3.1.3", "test", pool=True),
    Package("commons-lang3", "java", "debian", "3.12.0-2+deb12u1", "test", archive_name="libcommons-lang3-java", pool=True),
    Package("penlight", "lua", "debian-binary", "1.13.1-3", "test", archive_name="lua-penlight", pool=True),
]
