"""Judges hits: NDCG@10, recall@10 and MRR with bootstrap intervals, by set, category and language; compares two ways pairwise."""
import collections
import json
import math
import pathlib
import random

ROUNDS = 1000


def judge(answers: list[dict], hits: list[list]) -> dict:
    """A hit is right when it is the judged file and touches the judged lines, where lines are judged. An answer counts once, so
    that a second hit on it only takes up a place; a hit on several counts as one answer, the best of them, and nobody has to
    find the others again. "file" asks for the files alone, each once."""
    left = list(answers)
    gains = []
    also_found = []
    for path, start, end in hits[:10]:
        touched = [one for one in left if one["path"] == path and touches(one, start, end)]
        touched.sort(key=grade, reverse=True)
        gains.append(grade(touched[0]) if touched else 0)
        also_found.extend(touched[1:])
        left = [one for one in left if not any(one is other for other in touched)]
    to_find = [one for one in answers if not any(one is other for other in also_found)]
    ideal = sorted(map(grade, to_find), reverse=True)[:10]
    files = {}
    for one in answers:
        files[one["path"]] = max(files.get(one["path"], 0), grade(one))
    file_gains = [files[path] if path in files and path not in {other[0] for other in hits[:place]} else 0
                  for place, (path, _, _) in enumerate(hits[:10])]
    first = next((place for place, gain in enumerate(gains) if gain), None)
    return {"ndcg": discounted(gains) / discounted(ideal),
            "file": discounted(file_gains) / discounted(sorted(files.values(), reverse=True)[:10]),
            "recall": sum(1 for gain in gains if gain) / min(len(to_find), 10),
            "mrr": 0.0 if first is None else 1 / (first + 1)}


def grade(answer: dict) -> int:
    return answer.get("grade", 1)


def discounted(gains: list[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def touches(answer: dict, start: int, end: int) -> bool:
    return "spans" not in answer or any(start <= last and first <= end for first, last in answer["spans"])


def interval(values: list[float], seed: int = 7) -> tuple[float, float]:
    """The middle 95 % of the means of resamples."""
    chance = random.Random(seed)
    means = sorted(sum(chance.choices(values, k=len(values))) / len(values) for _ in range(ROUNDS))
    return means[int(ROUNDS * 0.025)], means[int(ROUNDS * 0.975) - 1]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


class Judged:
    def __init__(self, queries: list[dict], hits: pathlib.Path):
        self.queries = {query["id"]: query for query in queries}
        self.ways: dict[str, dict[str, dict]] = collections.defaultdict(dict)
        for line in hits.read_text().splitlines():
            one = json.loads(line)
            if one["id"] in self.queries:
                self.ways[one["way"]][one["id"]] = judge(self.queries[one["id"]]["answers"], one["hits"])

    def select(self, **wanted: str) -> list[str]:
        return [key for key, query in self.queries.items() if all(query[name] == value for name, value in wanted.items())]

    def table(self, split: str, by: str = "") -> str:
        """A line for every set (and category or language) with every way's NDCG@10."""
        groups = collections.defaultdict(list)
        for key in self.select(split=split):
            query = self.queries[key]
            groups[(query["set"], query[by] if by else "")].append(key)
        names = list(self.ways)
        lines = [f"| {split} | queries | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
        for (name, group), keys in sorted(groups.items()):
            cells = []
            for way in names:
                values = [self.ways[way][key]["ndcg"] for key in keys]
                low, high = interval(values)
                cells.append(f"{mean(values):.3f} ({low:.2f}–{high:.2f})")
            lines.append(f"| {name} {group}".rstrip() + f" | {len(keys)} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def measures(self, split: str) -> str:
        lines = [f"| {split} | way | NDCG@10 | of files | recall@10 | MRR |", "|---|---|---|---|---|---|"]
        for name in sorted({query["set"] for query in self.queries.values()}):
            keys = self.select(split=split, set=name)
            for way, judged in self.ways.items():
                lines.append(f"| {name} | {way} | " + " | ".join(f"{mean([judged[key][measure] for key in keys]):.3f}" for measure in ("ndcg", "file", "recall", "mrr")) + " |")
        return "\n".join(lines)

    def compare(self, one: str, other: str, split: str) -> str:
        """How much better the first way is, query by query, and whether that could be chance."""
        lines = [f"{one} − {other}, {split}: NDCG@10, 95 % interval of the paired difference; queries better/equal/worse"]
        for name in sorted({query["set"] for query in self.queries.values()}):
            keys = self.select(split=split, set=name)
            if not keys:
                continue
            differences = [self.ways[one][key]["ndcg"] - self.ways[other][key]["ndcg"] for key in keys]
            low, high = interval(differences)
            better, worse = sum(value > 1e-9 for value in differences), sum(value < -1e-9 for value in differences)
            verdict = "significant" if low > 0 or high < 0 else "could be chance"
            lines.append(f"  {name:10} {mean(differences):+.3f} ({low:+.3f} to {high:+.3f}) {better}/{len(keys) - better - worse}/{worse} {verdict}")
        return "\n".join(lines)
