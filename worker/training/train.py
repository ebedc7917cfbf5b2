"""Trains the table on pairs of a question and the code it asks for, and writes it in the form the embedder reads.

The vector of a text is that of `words.vectors`; the loss is symmetric InfoNCE over batches of which half comes in runs of one
package, so that half of the wrong answers are near. Plain numpy: there is one layer, whose gradient is written out.
"""

import argparse
import hashlib
import json
import pickle
import string
import time
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, diags, vstack

import evaluate
import teacher
from questions import question
from words import IDENTIFIER, Vocabulary, words

SETTINGS = {
    "dimensions": 256, "vocabulary": 34000, "batch": 1024, "run": 64, "steps": 1600, "rate": 0.008, "temperature": 0.05,
    "drop_question": 0.1, "drop_code": 0.3, "seed": 0, "start": "pieces", "noise": 0.7,
    # Of the questions: how many are the name alone, the whole first paragraph, and the sentence put otherwise.
    "as_name": 0.15, "as_paragraph": 0.1, "as_question": 0.35,
    # Of the code: how many are the whole chunk that holds it, and how many have their own name taken out.
    # `named`: the name stands before each function as a chunk's symbol stands before its text.
    # `joined` is how many short functions have their neighbour beside them, as small chunks are put together.
    "as_chunk": 0.0, "masked": 0.3, "joined": 0.3, "named": 0,
    # Of the remarks inside functions: how many are used.
    "remarks": 0.5,
    "languages": "", "kinds": "function,type,remark", "cap_language": 60000,
}


# The indexer puts neighbours together until they have this size.
CHUNK_BYTES = 600


def load(data, settings, chunks):
    rng = np.random.default_rng(settings["seed"])
    wanted = set(filter(None, settings["languages"].split(",")))
    kinds = set(settings["kinds"].split(","))
    by_language = {}
    for line in open(data / "train.jsonl"):
        pair = json.loads(line)
        if pair["kind"] == "remark" and rng.random() >= settings["remarks"]:
            continue
        if pair["kind"] in kinds and (not wanted or pair["language"] in wanted):
            by_language.setdefault(pair["language"], []).append(pair)
    pairs = []
    for language in sorted(by_language):
        found = by_language[language]
        order = rng.permutation(len(found))[: settings["cap_language"]]
        pairs += [found[index] for index in sorted(order)]
    for pair in pairs:
        pair["chunk"] = chunks.get((pair["path"], pair["line"]), pair["function"])
    return pairs


def load_chunks(path, pairs_file):
    """The chunk that holds each pair's line, as the indexer cuts the stripped file."""
    if not path.exists():
        return {}
    lines = {}
    for line in open(pairs_file):
        pair = json.loads(line)
        lines.setdefault(pair["path"], []).append(pair["line"])
    chunks = {}
    for line in open(path):
        chunk = json.loads(line)
        for wanted in lines.get(chunk["path"], ()):
            if chunk["from"] <= wanted <= chunk["to"]:
                chunks[chunk["path"], wanted] = chunk["text"]
    return chunks


def without(texts, names):
    """The texts without the words of the name, wherever they stand."""
    known = names.copy()
    known.data[:] = 1
    rest = texts - texts.multiply(known)
    rest.eliminate_zeros()
    return rest.tocsr()


def neighbours(pairs):
    """For each pair, one whose function stands in the same file, near it; itself where there is none or where its own function
    is long enough for a chunk of its own."""
    order = sorted(range(len(pairs)), key=lambda index: (pairs[index]["path"], pairs[index]["line"]))
    beside = np.arange(len(pairs))
    for one, next_one in zip(order, order[1:]):
        if pairs[one]["path"] == pairs[next_one]["path"] and pairs[one]["function"] != pairs[next_one]["function"]:
            for index, other in ((one, next_one), (next_one, one)):
                if len(pairs[index]["function"]) < CHUNK_BYTES and (beside[index] == index or other % 2):
                    beside[index] = other
    return beside


def choose_vocabulary(pairs, size):
    """Words by the number of packages and texts that have them, then all pairs of letters, letters and digits."""
    texts, packages, split = Counter(), {}, {}
    for pair in pairs:
        found = set()
        for identifier in set(IDENTIFIER.findall(pair["question"])) | set(IDENTIFIER.findall(pair["function"])):
            found.update(split.get(identifier) or split.setdefault(identifier, words(identifier)))
        texts.update(found)
        for word in found:
            seen = packages.setdefault(word, set())
            if len(seen) < 3:
                seen.add(pair["package"])
    spread = [(count * len(packages[word]) ** 0.5, word) for word, count in texts.items() if count >= 3 and len(packages[word]) >= 2]
    spread.sort(key=lambda entry: (-entry[0], entry[1]))
    letters = string.ascii_lowercase
    always = [one + other for one in letters for other in letters] + list(letters + string.digits) + ["<n2>", "<n3>"]
    chosen = dict.fromkeys(word for _, word in spread[: size - len(always)])
    chosen.update(dict.fromkeys(always))
    return list(chosen), texts


def first_table(pieces, frequencies, count, settings, data, rng):
    dimensions = settings["dimensions"]
    code = rng.standard_normal((len(pieces), dimensions)) / np.sqrt(dimensions)
    rarity = np.log(1 + count / (1 + np.array([frequencies.get(piece, 0) for piece in pieces])))
    if settings["start"] != "random":
        known = teacher.piece_vectors(pieces) if settings["start"] == "pieces" else teacher.word_vectors(pieces, data / "teacher.npz")
        known = known - known.mean(0)
        _, directions = np.linalg.eigh(known.T @ known)
        known = known @ directions[:, ::-1][:, :dimensions]
        known /= np.linalg.norm(known, axis=1, keepdims=True) + 1e-9
        if known.shape[1] < dimensions:
            known = np.pad(known, ((0, 0), (0, dimensions - known.shape[1])))
        code = 0.7 * known + settings["noise"] * code
    return (code * rarity[:, None]).astype(np.float32)


def dropped(matrix, share, rng):
    matrix = matrix.copy()
    matrix.data *= rng.random(len(matrix.data)) >= share
    return matrix


class Adam:
    """Moves only the rows that a batch touched."""

    def __init__(self, table):
        self.table, self.step = table, 0
        self.mean, self.square = np.zeros_like(table), np.zeros_like(table)

    def move(self, rows, gradient, rate):
        self.step += 1
        mean = self.mean[rows] = 0.9 * self.mean[rows] + 0.1 * gradient
        square = self.square[rows] = 0.999 * self.square[rows] + 0.001 * gradient * gradient
        scale = rate * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        self.table[rows] -= scale * mean / (np.sqrt(square) + 1e-8)


def gradient(questions, codes, table, same, temperature):
    """The loss and the gradient of the rows that the batch touches."""
    both = vstack([questions, codes]).tocsr()
    rows, columns = np.unique(both.indices, return_inverse=True)
    both = csr_matrix((both.data, columns.astype(np.int32), both.indptr), shape=(both.shape[0], len(rows)))
    sums = both @ table[rows]
    lengths = np.linalg.norm(sums, axis=1, keepdims=True) + 1e-6
    unit = sums / lengths
    half = len(unit) // 2
    asked, code = unit[:half], unit[half:]
    likeness = (asked @ code.T) / temperature
    likeness[same] = -1e4
    np.exp(likeness - likeness.max(), out=likeness)
    by_question = likeness / likeness.sum(1, keepdims=True)
    by_code = likeness / (likeness.sum(0, keepdims=True) + 1e-30)
    diagonal = np.arange(half)
    loss = -np.log(by_question[diagonal, diagonal] + 1e-12).mean()
    error = by_question + by_code
    error[diagonal, diagonal] -= 2
    error /= 2 * half * temperature
    back = np.vstack([error @ code, error.T @ asked])
    back = (back - unit * (unit * back).sum(1, keepdims=True)) / lengths
    return loss, rows, (both.T @ back).astype(np.float32)


def batches(packages, size, run, rng):
    """Indices of all pairs in batches, without end: runs of one package, in random order."""
    count = len(packages)
    while True:
        order = np.lexsort((rng.random(count), packages))
        runs = [order[start:start + run] for start in range(0, count, run)]
        order = np.concatenate([runs[index] for index in rng.permutation(len(runs))])
        for start in range(0, count - size + 1, size):
            yield order[start:start + size]


def numbered(values):
    numbers = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values])


def prepared(data, settings, log):
    """Everything that depends on the data and the vocabulary alone, kept between runs."""
    keys = ("seed", "vocabulary", "languages", "kinds", "cap_language", "remarks", "named")
    name = "-".join(str(settings[key]) for key in keys) + ("-chunks" if settings["as_chunk"] else "")
    file = data / f"prepared-{hashlib.sha256(name.encode()).hexdigest()[:12]}.pickle"
    if not file.exists():
        with open(file, "wb") as out:
            pickle.dump(prepare(data, settings, log), out)
    with open(file, "rb") as kept:
        return pickle.load(kept)


def prepare(data, settings, log):
    chunks = load_chunks(data / "chunks-train.jsonl", data / "train.jsonl") if settings["as_chunk"] else {}
    pairs = load(data, settings, chunks)
    pieces, frequencies = choose_vocabulary(pairs, settings["vocabulary"])
    vocabulary = Vocabulary(pieces)
    log(f"{len(pairs)} pairs, {len(vocabulary)} pieces")
    asked = vstack([vocabulary.matrix(texts) for texts in (
        [pair["question"] for pair in pairs],
        [pair["name"] for pair in pairs],
        [pair["long"] for pair in pairs],
        [question(pair["question"], pair["name"]) for pair in pairs],
    )]).tocsr()
    names = asked[len(pairs):2 * len(pairs)]
    named = [pair["name"] + "\n" if settings["named"] else "" for pair in pairs]
    forms = [[name + pair["function"] for name, pair in zip(named, pairs)]]
    if settings["as_chunk"]:
        forms.append([pair["chunk"] for pair in pairs])
    code = []
    for texts in forms:
        whole = vocabulary.matrix(texts)
        code += [whole, without(whole, names)]
    code = vstack(code).tocsr()
    # Pairs that share one of these are no wrong answers to each other.
    same = [numbered(values) for values in (
        [pair["question"].lower() for pair in pairs],
        [(pair["path"], pair["name"]) for pair in pairs],
        [pair["chunk"] for pair in pairs],
    )]
    packages = numbered([pair["package"] for pair in pairs])
    remarks = np.array([pair["kind"] == "remark" for pair in pairs])
    return pieces, frequencies, asked, code, same, packages, remarks, neighbours(pairs)


def train(data, settings, log=print):
    pieces, frequencies, asked, code, alike, packages, remarks, beside = prepared(data, settings, log)
    started = time.process_time()
    rng = np.random.default_rng(settings["seed"])
    vocabulary, count = Vocabulary(pieces), len(packages)
    table = first_table(pieces, frequencies, count, settings, data, rng)
    adam = Adam(table)
    shares = np.cumsum([settings["as_name"], settings["as_paragraph"], settings["as_question"]])
    losses, step = [], 0
    for batch in batches(packages, settings["batch"], settings["run"], rng):
        drawn = rng.random(len(batch))
        form = np.select([drawn < shares[0], drawn < shares[1], drawn < shares[2]], [1, 2, 3], 0)
        form[(form == 1) & remarks[batch]] = 0
        hidden = (form == 1) | (rng.random(len(batch)) < settings["masked"])
        view = 2 * (rng.random(len(batch)) < settings["as_chunk"]) + hidden
        same = np.zeros((len(batch), len(batch)), bool)
        for groups in alike:
            same |= groups[batch][:, None] == groups[batch][None, :]
        np.fill_diagonal(same, False)
        joined = (rng.random(len(batch)) < settings["joined"]) & (beside[batch] != batch) & (view < 2)
        codes = code[view * count + batch]
        codes = codes + diags(joined.astype(np.float32)) @ code[beside[batch]]
        loss, rows, back = gradient(
            dropped(asked[form * count + batch], settings["drop_question"], rng),
            dropped(codes.tocsr(), settings["drop_code"], rng), table, same, settings["temperature"])
        left = 1 - step / settings["steps"]
        adam.move(rows, back, settings["rate"] * min(1, (step + 1) / 50) * left)
        losses.append(loss)
        step += 1
        if step % 100 == 0:
            log(f"step {step}, {time.process_time() - started:.0f} s, loss {np.mean(losses[-100:]):.3f}")
        if step == settings["steps"]:
            log(evaluate.line(vocabulary, table, evaluate.load_sets(data, "dev")))
            return vocabulary, table


def quantised(table):
    scale = np.maximum(np.abs(table).max(1, keepdims=True) / 127, 1e-9).astype(np.float32)
    return np.round(table / scale).astype(np.int8), scale[:, 0]


def save(folder, vocabulary, table, settings):
    folder.mkdir(parents=True, exist_ok=True)
    rows, scale = quantised(table)
    np.savez(folder / "table.npz", rows=rows, scale=scale)
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in vocabulary.pieces))
    (folder / "settings.json").write_text(json.dumps(settings, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    for name, default in SETTINGS.items():
        parser.add_argument("--" + name, type=type(default), default=default)
    arguments = vars(parser.parse_args())
    data, out = arguments.pop("data"), arguments.pop("out")
    vocabulary, table = train(data, arguments, lambda line: print(line, flush=True))
    save(out, vocabulary, table, arguments)


if __name__ == "__main__":
    main()
