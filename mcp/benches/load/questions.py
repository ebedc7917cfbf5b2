"""Questions about a tree, all different: what definitions say of themselves, and names. Every second one is a name."""
import pathlib
import random
import re

SENTENCE = re.compile(r'(?:"""|///?|# |\* )\s*([A-Z][a-z]+(?: [\w\']+){4,11})')
NAME = re.compile(r"\b(?:def|class|fn|struct|function|interface)\s+([A-Za-z]\w{5,40})")
LARGEST = 200_000


def questions(tree: pathlib.Path, count: int) -> list[str]:
    sentences: set[str] = set()
    names: set[str] = set()
    for path in sorted(tree.rglob("*")):
        if path.is_file() and path.stat().st_size <= LARGEST:
            text = path.read_text(errors="ignore")
            sentences.update(SENTENCE.findall(text))
            names.update(NAME.findall(text))
    chosen = random.Random(7)
    half = (count + 1) // 2
    if min(len(sentences), len(names)) < half:
        raise SystemExit(f"{tree} holds {len(sentences)} sentences and {len(names)} names: {half} of each are needed")
    picked = chosen.sample(sorted(sentences), half) + chosen.sample(sorted(names), half)
    chosen.shuffle(picked)
    return picked[:count]
