"""Writes a trained table into the folder that the embedder is compiled from: weights, vocabulary, sums, reference vectors."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from evaluate import load_table
from words import vectors, words

REFERENCE = [
    "def read_file(path): return open(path).read()",
    "retry a request with exponential backoff",
    "parseHTTPResponse2 x1 12 12345 __init__",
    "fn claim_jobs(pool: &PgPool, limit: i64) -> Result<Vec<Job>>",
    "XMLHttpRequest.prototype.onReadyStateCHANGE = λ => größe + 0xFFfe1234",
    "func (s *Store) DeleteExpiredSessions(ctx context.Context) (int64, error) {\n\treturn s.db.ExecContext(ctx, `DELETE`)\n}",
    "quetzalcoatlus hyperparametrization deduplicatedly",
]


def safetensors(tensors):
    kinds = {"int8": "I8", "float32": "F32"}
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": kinds[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text.encode() + b"".join(tensor.tobytes() for tensor in tensors.values())


def main(trained, target):
    trained, target = Path(trained), Path(target)
    stored = np.load(trained / "table.npz")
    content = safetensors({"scale": stored["scale"], "embedding": stored["rows"]})
    pieces = (trained / "vocab.txt").read_text()
    (target / "model.safetensors").write_bytes(content)
    (target / "vocab.txt").write_text(pieces)
    sums = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in ("model.safetensors", "vocab.txt")}
    (target / "SHA256SUMS").write_text("".join(f"{sum}  {name}\n" for name, sum in sums.items()))
    vocabulary, table = load_table(trained)
    found = vectors(vocabulary.matrix(REFERENCE), table)
    reference = [{"text": text, "tokens": words(text), "first8": [round(float(value), 6) for value in vector[:8]]}
                 for text, vector in zip(REFERENCE, found)]
    (target / "reference.json").write_text(json.dumps(reference, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
