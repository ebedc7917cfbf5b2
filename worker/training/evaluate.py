"""How well a table finds code of packages it was not trained on: MRR@10 and NDCG@10 of each set.

Questions that several pieces of code would answer by the letter are left out. The sets: `python` (the first sentence of a
docstring to its function), one for each other language, `question` (the sentence put as an agent would), `remark` (a comment
inside a function to the function), `chunk` (the sentence to the chunk that holds the function, among all chunks).
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from questions import question
from words import Vocabulary, vectors


def load_sets(data, split):
    """By name: questions, the index of the answer of each, and the texts searched."""
    pairs = [json.loads(line) for line in open(data / f"{split}.jsonl")]
    sets = {}
    functions = [pair for pair in pairs if pair["kind"] == "function"]
    for language in sorted({pair["language"] for pair in functions}):
        of_language = [pair for pair in functions if pair["language"] == language]
        if len(of_language) >= 200:
            sets[language] = ask(of_language, lambda pair: pair["question"], lambda pair: pair["function"])
    sets["all"] = ask(functions, lambda pair: pair["question"], lambda pair: pair["function"])
    sets["question"] = ask(functions, lambda pair: question(pair["question"], pair["name"]), lambda pair: pair["function"])
    remarks = [pair for pair in pairs if pair["kind"] == "remark"]
    sets["remark"] = ask(remarks, lambda pair: pair["question"], lambda pair: pair["function"])
    chunks = data / f"chunks-{split}.jsonl"
    if chunks.exists():
        sets["chunk"] = ask_chunks(functions, chunks)
    return sets


def ask(pairs, asked, answer):
    texts = {}
    gold = [texts.setdefault(answer(pair), len(texts)) for pair in pairs]
    questions = [asked(pair) for pair in pairs]
    once = Counter(text.lower() for text in questions)
    unique = [index for index, text in enumerate(questions) if once[text.lower()] == 1]
    return [questions[index] for index in unique], np.array([gold[index] for index in unique]), list(texts)


def ask_chunks(pairs, path):
    texts, places = [], {}
    for line in open(path):
        chunk = json.loads(line)
        places.setdefault(chunk["path"], []).append((chunk["from"], chunk["to"], len(texts)))
        texts.append(chunk["text"])
    questions, gold = [], []
    once = Counter(pair["question"].lower() for pair in pairs)
    for pair in pairs:
        if once[pair["question"].lower()] == 1:
            held = [index for start, end, index in places.get(pair["path"], ()) if start <= pair["line"] <= end]
            if held:
                questions.append(pair["question"])
                gold.append(held[0])
    return questions, np.array(gold), texts


def ranks(scores, gold):
    """The rank of each answer from 0; equal scores count half."""
    own = scores[np.arange(len(gold)), gold][:, None]
    return (scores > own).sum(1) + ((scores == own).sum(1) - 1) // 2


def figures(ranks):
    found = ranks < 10
    return np.where(found, 1 / (ranks + 1), 0).mean(), np.where(found, 1 / np.log2(ranks + 2), 0).mean()


def scored(vocabulary, table, set_):
    questions, gold, texts = set_
    code = vectors(vocabulary.matrix(texts), table)
    asked = vectors(vocabulary.matrix(questions), table)
    found = [ranks(asked[start:start + 1000] @ code.T, gold[start:start + 1000]) for start in range(0, len(gold), 1000)]
    return np.concatenate(found)


def line(vocabulary, table, sets):
    parts = []
    for name in ("all", "question", "remark", "chunk"):
        if name in sets:
            mrr, ndcg = figures(scored(vocabulary, table, sets[name]))
            parts.append(f"{name} {mrr:.3f} / {ndcg:.3f}")
    return ", ".join(parts)


def load_table(folder):
    """A table as `train.py` or the embedder has it."""
    vocabulary = Vocabulary((folder / "vocab.txt").read_text().split("\n")[:-1])
    if (folder / "table.npz").exists():
        stored = np.load(folder / "table.npz")
        rows, scale = stored["rows"], stored["scale"]
    else:
        content = (folder / "model.safetensors").read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8:8 + length])

        def tensor(name, kind):
            start, end = header[name]["data_offsets"]
            return np.frombuffer(content[8 + length + start:8 + length + end], kind).reshape(header[name]["shape"])

        rows, scale = tensor("embedding", np.int8), tensor("scale", np.float32)
    return vocabulary, rows.astype(np.float32) * scale.reshape(-1, 1)


def main(data, split, *folders):
    sets = load_sets(Path(data), split)
    for name, set_ in sets.items():
        print(f"{name}: {len(set_[0])} questions, {len(set_[2])} texts")
        for folder in folders:
            vocabulary, table = load_table(Path(folder))
            mrr, ndcg = figures(scored(vocabulary, table, set_))
            print(f"  {mrr:.3f} {ndcg:.3f} {folder}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
