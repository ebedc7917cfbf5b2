"""Finds what describes a function and the function it describes, in every source file of a package.

Writes each file without those descriptions, so that the indexer's own chunker can cut what is left, and the pairs.
Never invents text: what is asked stands in the source.
"""

import json
import os
import re
import sys
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

from tree_sitter import Parser, Query, QueryCursor
from tree_sitter_language_pack import get_language

from comments import first_sentence, is_remark, is_sentence, paragraph, plain
from languages import ATTRIBUTES, EXTENSIONS, LANGUAGES, WRAPPERS

MAX_FILE_BYTES = 400_000
# Registries differ in how much one package holds; without these caps the crates would be half of all.
MAX_PAIRS_OF_PACKAGE = {"crates": 180, "npm": 350, "pypi": 600, "debian": 400, "debian-source": 500}
MAX_PAIRS_OF_FILE = 150
MAX_FUNCTION_BYTES = 6000
SKIPPED = re.compile(r"(^|/)(node_modules|vendor|third[_-]?party|external|deps|locale|locales|dist|\.git)/|\.min\.|_pb2|\.pb\.|/umd/|bundle")
TEST = re.compile(r"(^|/)(tests?|testing|__tests__|spec|specs|testdata|fixtures|benches)/|(^|/)test_|_test\.|\.test\.|\.spec\.|conftest")
ELIXIR_DEFINITION = re.compile(r"defp?|defmacrop?")


class Reader:
    """The grammar of a language and what is asked of it."""

    def __init__(self, name):
        self.language = LANGUAGES[name]
        grammar = get_language(self.language.grammar)
        self.parser = Parser(grammar)
        kinds = [kind for kind in self.language.comments if grammar.id_for_node_kind(kind, True)]
        patterns = [f"({kind}) @comment" for kind in kinds]
        if self.language.docstrings:
            patterns += [f"({kind}) @defined" for kind in self.language.functions + self.language.types]
        if name == "elixir":
            patterns.append("(unary_operator) @comment")
        self.query = Query(grammar, "\n".join(patterns))

    def captures(self, source):
        found = QueryCursor(self.query).captures(self.parser.parse(source).root_node)
        return {name: sorted(nodes, key=lambda node: node.start_byte) for name, nodes in found.items()}


READERS = {}


def reader(name):
    if name not in READERS:
        READERS[name] = Reader(name)
    return READERS[name]


def text(source, start, end):
    return source[start:end].decode("utf-8", "replace")


def definition_in(node, language, depth=0):
    """The function or type that `node` is, or holds behind a wrapper such as `export`."""
    if node.type in language.functions:
        if node.type != "call" or definition_name_node(node) is not None:
            return node
    if node.type in language.types:
        return node
    if depth < 5 and node.type in WRAPPERS:
        for child in node.named_children:
            found = definition_in(child, language, depth + 1)
            if found is not None:
                return found
    return None


def definition_name_node(node):
    if node.type == "call":
        target = node.child_by_field_name("target")
        if target is None or not ELIXIR_DEFINITION.fullmatch(target.text.decode()):
            return None
        inner = node.named_children[1] if len(node.named_children) > 1 else None
        while inner is not None and inner.type not in ("identifier",):
            inner = inner.named_children[0] if inner.named_children else None
        return inner
    for field in ("name", "declarator", "pattern"):
        name = node.child_by_field_name(field)
        if name is not None:
            while name.child_by_field_name("declarator") is not None or name.child_by_field_name("name") is not None:
                name = name.child_by_field_name("declarator") or name.child_by_field_name("name")
            return name
    for child in node.named_children:
        if child.type in ("simple_identifier", "type_identifier", "identifier", "let_binding", "value_name"):
            return child if child.type != "let_binding" else child.child_by_field_name("pattern")
    return None


def name_of(node):
    """The name of a definition; that of what it is assigned to where it has none of its own."""
    name = definition_name_node(node)
    steps = 0
    while name is None and node.parent is not None and steps < 3:
        node, steps = node.parent, steps + 1
        for field in ("name", "key", "left", "property", "lhs"):
            name = name or node.child_by_field_name(field)
    written = name.text.decode("utf-8", "replace") if name is not None else ""
    found = re.findall(r"[A-Za-z_$][\w$]*[?!]?", written)
    return found[-1] if found else ""


def sections(comments, source):
    """Comments that stand on neighbouring lines, each alone on its lines."""
    run = []
    for node in comments:
        line_start = source.rfind(b"\n", 0, node.start_byte) + 1
        alone = not source[line_start:node.start_byte].strip()
        if run and alone and node.start_point.row - end_row(run[-1]) <= 1 and not is_block(run[-1], source):
            run.append(node)
            continue
        if run:
            yield run
        run = [node] if alone else []
    if run:
        yield run


def end_row(node):
    return node.end_point.row - (1 if node.end_point.column == 0 and node.end_point.row > node.start_point.row else 0)


def is_block(node, source):
    return source[node.start_byte:node.start_byte + 2] in (b"/*", b"(*", b"{-")


def described(run, language):
    """What a comment stands before."""
    node = run[-1].next_named_sibling
    while node is not None and node.type in ATTRIBUTES:
        node = node.next_named_sibling
    if node is None or node.start_point.row - end_row(run[-1]) > 4:
        return None, None
    return node, definition_in(node, language)


def around(node, language):
    """The function that holds a comment."""
    node = node.parent
    while node is not None and not (node.type in language.functions and name_of(node)):
        node = node.parent
    return node


def docstring(node):
    body = node.child_by_field_name("body")
    first = body.named_children[0] if body is not None and body.named_children else None
    if first is not None and first.type == "expression_statement" and first.named_children:
        first = first.named_children[0]
    return first if first is not None and first.type == "string" else None


def python_docs(nodes, source):
    for node in nodes:
        string = docstring(node)
        if string is not None:
            content = text(source, string.start_byte, string.end_byte).lstrip("rRbBuUfF")
            whole = node.parent if node.parent is not None and node.parent.type == "decorated_definition" else node
            yield (string.start_byte, string.end_byte), content.strip("\"'"), node, whole


def elixir_docs(nodes, source):
    for node in nodes:
        content = text(source, node.start_byte, node.end_byte)
        if content.startswith("@doc") and '"""' in content:
            target = node.next_named_sibling
            while target is not None and target.type == "unary_operator":
                target = target.next_named_sibling
            if target is not None and target.type == "call" and definition_name_node(target) is not None:
                yield (node.start_byte, node.end_byte), content.split('"""')[1], target, target


def find(source, name):
    """Yields kind, the bytes of the description, its text, the definition, and the node with all its lines."""
    read = reader(name)
    captures = read.captures(source)
    language = read.language
    if language.docstrings:
        for span, content, node, whole in python_docs(captures.get("defined", []), source):
            yield "type" if node.type in language.types else "function", span, content, node, whole
    if name == "elixir":
        for span, content, node, whole in elixir_docs(captures.get("comment", []), source):
            yield "function", span, content, node, whole
        return
    for run in sections(captures.get("comment", []), source):
        span = (run[0].start_byte, run[-1].end_byte)
        content = plain(text(source, *span), language.signs)
        whole, definition = described(run, language)
        if definition is not None:
            yield "type" if definition.type in language.types else "function", span, content, definition, whole
        elif is_remark(re.sub(r"\s+", " ", content)):
            holder = around(run[0], language)
            if holder is not None:
                yield "remark", span, content, holder, holder


def without(source, spans):
    """`source` without the spans; lines that held nothing else go too. Also says where each old byte is now."""
    kept, moved, at, removed = [], [], 0, 0
    for start, end in sorted(spans):
        line_start = source.rfind(b"\n", 0, start) + 1
        line_end = source.find(b"\n", end)
        line_end = len(source) if line_end < 0 else line_end + 1
        if not source[line_start:start].strip() and not source[end:line_end].strip():
            start, end = line_start, line_end
        start = max(start, at)
        end = max(end, start)
        kept.append(source[at:start])
        removed += end - start
        moved.append((end, removed))
        at = end
    kept.append(source[at:])
    return b"".join(kept), moved


def now_at(offset, moved):
    shift = 0
    for end, removed in moved:
        if end > offset:
            break
        shift = removed
    return offset - shift


def extract_file(source, name):
    """The file without descriptions, and its pairs."""
    found = []
    for kind, span, content, definition, whole in find(source, name):
        if len(found) >= MAX_PAIRS_OF_FILE * 3:
            break
        called = name_of(definition)
        first = paragraph(content)
        sentence = first_sentence(first)
        if called and is_sentence(sentence):
            found.append((kind, span, sentence, first, called, definition.start_byte, whole.start_byte, whole.end_byte))
    stripped, moved = without(source, [pair[1] for pair in found])
    pairs = []
    for kind, span, sentence, whole_text, called, opening, start, end in found:
        start, end = now_at(max(start, 0), moved), now_at(end, moved)
        function = stripped[start:min(end, start + MAX_FUNCTION_BYTES)].decode("utf-8", "replace")
        least = 20 if kind != "remark" else 80
        if len(function) < least:
            continue
        line = stripped.count(b"\n", 0, now_at(span[0] if kind == "remark" else opening, moved)) + 1
        pairs.append({"kind": kind, "name": called, "question": sentence, "long": whole_text[:600], "function": function, "line": line})
    return stripped, pairs


def extract_package(task):
    root, out, package = task
    root, out = Path(root), Path(out)
    kept, pairs, names = 0, [], Counter()
    most = MAX_PAIRS_OF_PACKAGE.get(root.parent.name, 500)
    files = sorted(path for path in root.rglob("*") if path.suffix[1:] in EXTENSIONS and path.is_file())
    # An even sample of a large package rather than its first letters.
    files.sort(key=lambda path: hash_of(str(path.relative_to(root))))
    for path in files:
        inside = str(path.relative_to(root))
        if kept >= most:
            break
        if SKIPPED.search("/" + inside) or TEST.search("/" + inside) or path.stat().st_size > MAX_FILE_BYTES:
            continue
        source = path.read_bytes()
        if len(source) / (source.count(b"\n") + 1) > 300:
            continue
        language = EXTENSIONS[path.suffix[1:]]
        if language == "c" and re.search(rb"^\s*(class\s+\w+.*[{:]|namespace\s|template\s*<)", source, re.M):
            language = "cpp"
        try:
            stripped, found = extract_file(source, language)
        except (RecursionError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            continue
        fresh = [pair for pair in found if names[(pair["name"], pair["question"])] == 0][:MAX_PAIRS_OF_FILE]
        for pair in fresh:
            names[(pair["name"], pair["question"])] += 1
        if not fresh:
            continue
        target = out / package / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stripped)
        kept += len(fresh)
        pairs += [dict(pair, package=package, language=language, path=f"{package}/{inside}") for pair in fresh]
    return package, pairs


def hash_of(text):
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


def main(data):
    data = Path(data)
    tasks = []
    for split in ("train", "dev", "test"):
        for registry in sorted((data / "sources" / split).glob("*")):
            tasks += [(str(path), str(data / "stripped" / split), path.name) for path in sorted(registry.glob("*"))]
    counts = Counter()
    files = {split: open(data / f"{split}.jsonl", "w") for split in ("train", "dev", "test")}
    with Pool(int(os.environ.get("JOBS", "2"))) as pool:
        for (root, out, _), (package, pairs) in zip(tasks, pool.imap(extract_package, tasks)):
            split = Path(out).name
            for pair in pairs:
                files[split].write(json.dumps(pair) + "\n")
                counts[split, pair["language"], pair["kind"]] += 1
    for file in files.values():
        file.close()
    for (split, language, kind), count in sorted(counts.items()):
        print(f"{split}\t{language}\t{kind}\t{count}")


if __name__ == "__main__":
    main(sys.argv[1])
