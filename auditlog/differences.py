"""What differs between two values: the words of a text, the items of a list."""

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import NamedTuple

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
MOST_WORDS = 200
"""Words, spaces and signs; longer texts are marked as a whole: comparing takes the square of their length."""
MOST_ITEMS = 300
"""Items; of longer lists only what came and what went is told, after what stayed."""
LEAST_ALIKE = 0.3
"""Texts with less in common than this are marked as a whole, too: islands of equal words only confuse."""


class Part(NamedTuple):
    """A piece of a text, and whether the other text lacks it."""

    text: str
    marked: bool


class Item(NamedTuple):
    """An item of one list or of both: "-" is only in the first, "+" only in the second."""

    sign: str
    text: str


def marked_words(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Return both texts in pieces, with those words marked that the other one lacks."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    whole = _joined([([before], True)]), _joined([([after], True)])
    if max(len(old), len(new)) > MOST_WORDS:
        return whole
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    common = sum(sum(map(len, old[block.a : block.a + block.size])) for block in matcher.get_matching_blocks())
    if common < LEAST_ALIKE * max(len(before), len(after)):
        return whole
    blocks = [(code == "equal", old[a:b], new[c:d]) for code, a, b, c, d in matcher.get_opcodes()]
    return (
        _joined([(words, not equal) for equal, words, _ in blocks]),
        _joined([(words, not equal) for equal, _, words in blocks]),
    )


def marked_items(before: list[str], after: list[str]) -> list[Item]:
    """Return the items of two lists in their order, each with its sign; one that only moved is in both."""
    left, right = Counter(before) - Counter(after), Counter(after) - Counter(before)
    if max(len(before), len(after)) > MOST_ITEMS:
        stayed = (Counter(before) & Counter(after)).elements()
        signed = [("", stayed), ("-", left.elements()), ("+", right.elements())]
        return [Item(sign, text) for sign, texts in signed for text in texts]
    items = []
    for code, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if code == "equal":
            items += [Item("", text) for text in before[a:b]]
            continue
        items += [Item("-", text) for text in before[a:b] if _taken(left, text)]
        items += [Item("+" if _taken(right, text) else "", text) for text in after[c:d]]
    return items


def _taken(counter: Counter[str], text: str) -> bool:
    """Say whether there is one of these left, and take it."""
    counter[text] -= 1
    return counter[text] >= 0


def _joined(pieces: list[tuple[list[str], bool]]) -> list[Part]:
    """Return neighbours of the same kind as one part; what is only white space between two marks is marked, too."""
    parts: list[Part] = []
    for words, marked in pieces:
        text = "".join(words)
        if not text:
            continue
        if not text.strip() and not marked and parts and parts[-1].marked:
            parts[-1] = Part(parts[-1].text + text, True)
        elif parts and parts[-1].marked == marked:
            parts[-1] = Part(parts[-1].text + text, marked)
        else:
            parts.append(Part(text, marked))
    return parts
