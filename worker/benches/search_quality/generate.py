"""Makes the generated queries: documentation to function (a), symbol and path lookups (c). Pure in the trees: the same pinned
sources give the same queries, chosen by hashes and not by a generator whose sequence may change."""
import hashlib
import pathlib
import re

from definitions import Definition, definitions, first_sentence, language_of
from packages import Package

DOCUMENTATION_QUERIES = 40
SYMBOLS = 15
MISSPELT = 8
PARTIAL = 8
PATHS = 6
BESIDE_THE_CODE = re.compile(r"(?:^|/)(?:tests?|spec|t|examples?|docs?|bench(?:mark)?s?|vendor|deps|node_modules|dist|build|fixtures|__tests__|__snapshots__)(?:/|$)|\.min\.|_test\.|\.d\.ts$|(?:^|/)test_", re.I)

# Generated files are not indexed, so nothing in them is asked for.
GENERATED = re.compile(r"(?i)code generated|generated code|auto-?generated|generated (?:by|from) |do not edit|@generated")


def read_tree(tree: pathlib.Path) -> dict[str, str]:
    texts = {}
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if path.is_file() and language_of(name) and path.stat().st_size < 400_000 and not any(part.startswith(".") for part in name.split("/")):
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            if text.strip() and not GENERATED.search(text[:1000]):
                texts[name] = text
    return texts


def order(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def documentation_queries(package: Package, texts: dict[str, str], stripped: pathlib.Path) -> list[dict]:
    """Writes the tree without the documentation of its functions, and asks for them by it."""
    found = []
    for path, text in texts.items():
        documented = [definition for definition in definitions(path, text) if definition.documented_lines[0]]
        removed = {line for one in documented for line in range(one.documented_lines[0], one.documented_lines[1] + 1)}
        target = stripped / path
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = text.split("\n")
        target.write_text("\n".join(line for number, line in enumerate(lines, 1) if number not in removed))
        if BESIDE_THE_CODE.search(path):
            continue
        for definition in documented:
            sentence = first_sentence(definition.documentation)
            if definition.is_function and is_askable(sentence, definition.name):
                line = definition.line - sum(1 for number in removed if number < definition.line)
                found.append((sentence, path, line))
    by_sentence: dict[str, list] = {}
    for sentence, path, line in found:
        by_sentence.setdefault(sentence, []).append((path, line))
    unique = [(sentence, places[0]) for sentence, places in by_sentence.items() if len(places) == 1]
    unique.sort(key=lambda one: order(package.name, one[0]))
    return [query("docstring", "docstring", package, sentence, [answer(path, line)], language_of(path))
            for sentence, (path, line) in unique[:DOCUMENTATION_QUERIES]]


def is_askable(sentence: str, name: str) -> bool:
    words = sentence.split()
    return (5 <= len(words) <= 30 and sentence.isascii() and "@" not in sentence and "http" not in sentence
            and not re.match(r"(?i)(todo|fixme|deprecated|see |copyright|inheritdoc|internal|note)", sentence) and name not in words)


def lookup_queries(package: Package, texts: dict[str, str]) -> list[dict]:
    sites: dict[str, list[tuple[str, Definition]]] = {}
    for path, text in texts.items():
        for definition in definitions(path, text):
            sites.setdefault(definition.name, []).append((path, definition))
    names = [name for name, places in sites.items() if len(name) > 4 and len({path for path, _ in places}) <= 3 and len(places) <= 4
             and not all(BESIDE_THE_CODE.search(path) for path, _ in places)]
    answers = {name: [answer(path, definition.line) for path, definition in sites[name]] for name in names}
    known = {name.lower() for name in sites}
    queries = []

    def ask(category: str, text: str, name: str) -> None:
        queries.append(query("lookup", category, package, text, answers[name], language_of(sites[name][0][0])))

    for name in sorted(names, key=lambda name: order("symbol", package.name, name))[:SYMBOLS]:
        ask("symbol", name, name)
    long = sorted((name for name in names if len(name) > 7), key=lambda name: order("misspelt", package.name, name))
    misspelt = [(wrong, name) for name in long if (wrong := misspell(name)).lower() not in known]
    for wrong, name in misspelt[:MISSPELT]:
        ask("misspelt", wrong, name)
    # The first two words of a name of three or more, where no other name has both.
    words = {name: re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name) for name in sites}
    heads: dict[tuple[str, ...], set[str]] = {}
    for name, parts in words.items():
        lower = [part.lower() for part in parts]
        for pair in zip(lower, lower[1:]):
            heads.setdefault(pair, set()).add(name)
    partial = [name for name in names if len(words[name]) >= 3 and len(heads[tuple(part.lower() for part in words[name][:2])]) == 1]
    for name in sorted(partial, key=lambda name: order("partial", package.name, name))[:PARTIAL]:
        start = name.index(words[name][0])
        ask("partial", name[start:name.index(words[name][1], start + 1) + len(words[name][1])], name)
    queries.extend(path_queries(package, texts))
    return queries


def misspell(name: str) -> str:
    """One letter swapped with the next, dropped or doubled, never the first."""
    digest = int(order("typo", name)[:8], 16)
    at = 2 + digest % (len(name) - 4)
    kind = digest // 1000 % 3
    if kind == 0 and name[at] != name[at + 1]:
        return name[:at] + name[at + 1] + name[at] + name[at + 2:]
    if kind == 1:
        return name[:at] + name[at + 1:]
    return name[:at] + name[at] + name[at:]


def path_queries(package: Package, texts: dict[str, str]) -> list[dict]:
    by_tail: dict[str, list[str]] = {}
    for path in texts:
        parts = path.split("/")
        for tail in {parts[-1], "/".join(parts[-2:])}:
            by_tail.setdefault(tail, []).append(path)
    unique = sorted((tail for tail, paths in by_tail.items() if len(paths) == 1), key=lambda tail: order("path", package.name, tail))
    names = [tail for tail in unique if len(tail.rsplit("/", 1)[-1].split(".")[0]) > 3]
    queries = [query("lookup", "path", package, tail, [{"path": by_tail[tail][0]}], language_of(tail)) for tail in names[:PATHS]]
    for tail in names[PATHS:PATHS + 3]:
        stem, extension = tail.rsplit(".", 1)
        if len(stem) > 6:
            queries.append(query("lookup", "path misspelt", package, f"{misspell(stem)}.{extension}", [{"path": by_tail[tail][0]}], language_of(tail)))
    return queries


def answer(path: str, line: int) -> dict:
    return {"path": path, "spans": [[line, line]]}


def query(kind: str, category: str, package: Package, text: str, answers: list[dict], language: str | None) -> dict:
    return {"set": kind, "category": category, "tree": package.name, "split": package.split, "language": language or package.language,
            "text": text, "answers": answers}
