"""Puts the first sentence of a description as somebody might who looks for the code: a question of an agent, a request typed
into a search box, the subject of a commit. Chosen by the sentence itself, so that every run asks the same."""

import re
import zlib

VOWELS = "aeiou"
IRREGULAR = {
    "get": ("getting", "retrieved"), "set": ("setting", "set"), "run": ("running", "run"), "read": ("reading", "read"),
    "write": ("writing", "written"), "build": ("building", "built"), "find": ("finding", "found"),
    "send": ("sending", "sent"), "make": ("making", "made"), "take": ("taking", "taken"), "give": ("giving", "given"),
    "put": ("putting", "put"), "split": ("splitting", "split"), "do": ("doing", "done"), "hold": ("holding", "held"),
    "keep": ("keeping", "kept"), "draw": ("drawing", "drawn"), "begin": ("beginning", "begun"), "bind": ("binding", "bound"),
    "plot": ("plotting", "plotted"), "stop": ("stopping", "stopped"), "map": ("mapping", "mapped"), "wrap": ("wrapping", "wrapped"),
    "drop": ("dropping", "dropped"), "strip": ("stripping", "stripped"), "trim": ("trimming", "trimmed"),
    "reset": ("resetting", "reset"), "submit": ("submitting", "submitted"), "emit": ("emitting", "emitted"),
    "format": ("formatting", "formatted"), "skip": ("skipping", "skipped"), "swap": ("swapping", "swapped"),
    "return": ("computing", "computed"), "check": ("checking", "checked"),
}
NOT_VERBS = {"this", "these", "those", "its", "is", "has", "does", "was", "class", "process-wide", "alias", "as", "always", "access",
             "the", "a", "an", "if", "for", "in", "on", "when", "whether", "base", "default", "internal", "helper", "function",
             "utility", "wrapper", "true", "same", "like", "see", "note", "all", "any", "to", "by", "used", "given", "and"}
FRAMES = [
    "how does it {verb} {rest}", "where is the code that {verbs} {rest}", "how to {verb} {rest}", "how do i {verb} {rest}",
    "code to {verb} {rest}", "function that {verbs} {rest}", "where do we {verb} {rest}", "{verb} {rest}", "{gerund} {rest}",
    "where is {rest} {past}", "how is {rest} {past}", "what {verbs} {rest}", "fix {gerund} {rest}", "{rest}",
    "implementation of {gerund} {rest}", "logic for {gerund} {rest}", "where does it {verb} {rest}", "add {gerund} {rest}",
]
PLAIN_FRAMES = ["where is {all}", "what is {all}", "{all}", "how does {all} work", "which code handles {all}", "find {all}",
                "{all} implementation"]


def forms(verb):
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing", verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in VOWELS:
        return verb + "ing", verb[:-1] + "ied"
    return verb + "ing", verb + "ed"


def base(word):
    """`return` of `returns`, `copy` of `copies`."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if re.search(r"(?:sh|ch|ss|x|z)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def third(verb):
    if verb.endswith("y") and verb[-2:-1] not in VOWELS:
        return verb[:-1] + "ies"
    return verb + "es" if re.search(r"(?:sh|ch|ss|x|z|o)$", verb) else verb + "s"


def question(sentence, name):
    """Another way to ask for what `sentence` describes. `name` is dropped where the sentence begins with it, as in Go."""
    draw = zlib.crc32(sentence.encode())
    parts = sentence.split()
    if len(parts) > 3 and parts[0].strip("`'\"()") == name:
        parts = parts[1:]
    first = parts[0].lower()
    rest = " ".join(parts[1:])
    if rest[:1].isupper() and not rest[1:2].isupper():
        rest = rest[0].lower() + rest[1:]
    verb = base(first)
    if not first.isalpha() or first in NOT_VERBS or len(parts) < 3 or not verb:
        return PLAIN_FRAMES[draw % len(PLAIN_FRAMES)].format(all=" ".join(parts))
    gerund, past = forms(verb)
    without_article = re.sub(r"^(?:the|a|an)\s+", "", rest) if draw >> 20 & 1 else rest
    return FRAMES[draw % len(FRAMES)].format(verb=verb, verbs=third(verb), gerund=gerund, past=past, rest=without_article)
