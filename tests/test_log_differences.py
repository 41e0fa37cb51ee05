"""What differs: words of texts, items of lists."""

from collections import Counter

from auditlog.differences import MOST_WORDS, Item, Part, marked_items, marked_words


def marks(parts: list[Part]) -> str:
    return "".join(f"[{part.text}]" if part.marked else part.text for part in parts)


def both(before: str, after: str) -> tuple[str, str]:
    old, new = marked_words(before, after)
    return marks(old), marks(new)


def test_only_the_changed_words_of_a_text_are_marked() -> None:
    assert both("Detects scratches on line 3.", "Detects dents on line 4.") == (
        "Detects [scratches] on line [3].",
        "Detects [dents] on line [4].",
    )


def test_several_words_in_a_row_are_one_mark() -> None:
    assert both("keep this old thing here", "keep this new wide thing here") == (
        "keep this [old] thing here",
        "keep this [new wide] thing here",
    )


def test_an_added_word_leaves_the_other_side_unmarked() -> None:
    assert both("all images", "all new images") == ("all images", "all [new ]images")


def test_texts_with_little_in_common_are_marked_as_a_whole() -> None:
    assert both("private", "public") == ("[private]", "[public]")
    assert both("", "Anything") == ("", "[Anything]")


def test_nothing_is_lost_or_added() -> None:
    before, after = "  a\tb\n c – ‘d’ 🙂", "a b\n c — d 🙂🙂 "
    old, new = marked_words(before, after)
    assert ("".join(part.text for part in old), "".join(part.text for part in new)) == (before, after)


def test_very_long_texts_are_not_compared() -> None:
    before, after = "word " * MOST_WORDS, "word " * MOST_WORDS + "more"
    assert both(before, after) == (f"[{before}]", f"[{after}]")


def test_items_of_lists_came_went_and_stayed() -> None:
    assert marked_items(["a", "b", "c"], ["a", "c", "d"]) == [
        Item("", "a"),
        Item("-", "b"),
        Item("", "c"),
        Item("+", "d"),
    ]


def test_an_item_that_only_moved_neither_came_nor_went() -> None:
    assert [item.sign for item in marked_items(["a", "b"], ["b", "a"])] == ["", ""]
    assert marked_items(["a", "a"], ["a"]) == [Item("", "a"), Item("-", "a")]


def test_long_lists_are_told_at_once() -> None:
    before, after = ["x", "y"] * 10_000, ["y", "x"] * 9_000 + ["z"]
    items = marked_items(before, after)  # The matcher would take minutes.
    assert Counter(item.sign for item in items) == {"": 18_000, "-": 2_000, "+": 1}
