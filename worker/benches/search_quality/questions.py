"""Reads the hand-written questions. A line is `[SPLIT/][LANGUAGE/]CATEGORY | question | answer ; answer`, an answer `path`, `path#name` or
`path#name:line`, where a star marks what answers best (it counts double). A name stands for its definitions in that file, from their first line
to the next definition that is not inside; a line tells apart those of one name."""
import pathlib

from definitions import definitions
from packages import Package

LONGEST = 120


class Unresolved(Exception):
    """A judged place that is not in the sources."""


def hand_written(file: pathlib.Path, tree: pathlib.Path, package: Package | None, kind: str) -> list[dict]:
    queries = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        labels, text, answers = (part.strip() for part in line.split(" | "))
        *before, category = labels.split("/")
        split = package.split if package else before[0]
        language = before[-1] if before else package.language
        try:
            judged = [resolve(tree, answer.strip()) for answer in answers.split(" ; ")]
        except Unresolved as error:
            raise SystemExit(f"{file.name}:{number}: {error}") from error
        queries.append({"set": kind, "category": category, "tree": package.name if package else "web", "split": split, "language": language,
                        "text": text, "answers": judged})
    return queries


def resolve(tree: pathlib.Path, answer: str) -> dict:
    grade = 2 if answer.startswith("*") else 1
    place, _, name = answer.lstrip("*").partition("#")
    path = tree / place
    if not path.is_file():
        raise Unresolved(f"{place} is no file")
    if not name:
        return {"path": place, "grade": grade}
    name, _, wanted = name.partition(":")
    text = path.read_text(errors="replace")
    suffixed = place if "." in pathlib.PurePath(place).name else place + ".sh"
    found = definitions(suffixed, text)
    total = text.count("\n") + 1
    spans = []
    for at, definition in enumerate(found):
        if definition.name == name:
            end = next((later.line - 1 for later in found[at + 1:] if later.indentation <= definition.indentation), total)
            spans.append([definition.line, min(end, definition.line + LONGEST)])
    if wanted:
        spans = sorted(spans, key=lambda span: abs(span[0] - int(wanted)))[:1]
    if not spans:
        raise Unresolved(f"{place} does not define {name}")
    return {"path": place, "grade": grade, "spans": spans}
