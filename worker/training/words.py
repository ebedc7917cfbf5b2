"""Splits text into the words and pieces of the model. The same as `embedder/words.rs` and `embedder/pieces.rs`, which a
test on common examples holds together (`reference.json`)."""

import re
from array import array

import numpy as np
from scipy.sparse import csr_matrix

MAX_WORDS = 600
IDENTIFIER = re.compile(r"[A-Za-z0-9_]*[A-Za-z0-9]")
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+|[a-z]+|[0-9]+")


def words(text):
    found = WORD.findall(text)[:MAX_WORDS]
    return [word.lower() if not word[0].isdigit() else word if len(word) == 1 else "<n2>" if len(word) == 2 else "<n3>"
            for word in found]


class Vocabulary:
    def __init__(self, pieces):
        self.pieces = list(pieces)
        self.rows = {piece: row for row, piece in enumerate(self.pieces)}
        self.longest = max(map(len, self.pieces))
        # Identifiers come again and again: what each is made of is worked out once.
        self.known = {}

    def __len__(self):
        return len(self.pieces)

    def rows_of(self, word):
        """The row of a known word; the rows of the longest known pieces, of two letters at least, of another."""
        row = self.rows.get(word)
        if row is not None:
            return [row]
        rows, at = [], 0
        while at + 2 <= len(word):
            for end in range(min(len(word), at + self.longest), at + 1, -1):
                row = self.rows.get(word[at:end])
                if row is not None:
                    rows.append(row)
                    at = end
                    break
            else:
                at += 1
        return rows

    def learn(self, identifier):
        found = words(identifier)
        self.known[identifier] = entry = (len(found), [row for word in found for row in self.rows_of(word)])
        return entry

    def rows_of_text(self, text):
        rows, left = [], MAX_WORDS
        for identifier in IDENTIFIER.findall(text):
            count, found = self.known.get(identifier) or self.learn(identifier)
            if count > left:
                rows += [row for word in words(identifier)[:left] for row in self.rows_of(word)]
                break
            left -= count
            rows += found
        return rows

    def matrix(self, texts):
        """A row for each text: 1 + ln of how often each piece stands in it."""
        columns, starts = array("i"), [0]
        for text in texts:
            columns.extend(self.rows_of_text(text))
            starts.append(len(columns))
        columns = np.frombuffer(columns, np.int32) if columns else np.zeros(0, np.int32)
        counts = csr_matrix((np.ones(len(columns), np.float32), columns, np.array(starts)), shape=(len(texts), len(self)))
        counts.sum_duplicates()
        np.log(counts.data, out=counts.data)
        counts.data += 1
        return counts


def vectors(matrix, table):
    sums = matrix @ table
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
