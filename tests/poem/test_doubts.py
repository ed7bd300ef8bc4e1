"""What an operator is told about a poem before its first post."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.networks.x.length import fits_a_tweet
from flock.poem import find_doubts, read_poem_file
from flock.poem.reading import PoemFile

POEMS = sorted(Path(__file__).parents[2].joinpath("poems").glob("*.txt"))
CPU = 20.0  # seconds, on a slow machine, for half a megabyte


def poem_of(folder: Path, text: str) -> PoemFile:
    """Return the poem with that text."""
    path = folder / "poem.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return read_poem_file(path)


def doubts_about(folder: Path, text: str) -> list[str]:
    """Return what is told about that text, for a bot on X."""
    return list(find_doubts(poem_of(folder, text), fits=fits_a_tweet, refuses_duplicates="X"))


@pytest.mark.parametrize("path", POEMS, ids=lambda path: path.stem)
def test_nothing_is_doubtful_about_our_own_poems(path: Path) -> None:
    """A warning about a good poem teaches people to overlook warnings."""
    assert [] == list(find_doubts(read_poem_file(path), fits=fits_a_tweet, refuses_duplicates="X"))


STANDS = "which is posted as it stands"
DOUBTFUL = [
    ("lost \ufffd letters", "holds U+FFFD, which stands for letters that were lost in a conversion"),
    *(
        (line, "was converted from the wrong encoding")
        for line in (
            "the seaâ€™s old roar",
            "cafÃ© au lait",
            "â€œold",
            "Ãœber allen Gipfeln",
            "вЂњстарый",
            "РџСЂРёРІРµС‚",
            "the sea‚Äôs",
            "caf√©",
            "the seaΓÇÖs",
            "ðŸ‘‘ baa",
            "ÐŸÑ€Ð¸Ð²ÐµÑ‚",
            "Î¼Î®Î½Î¹Î½",
            "ã‚¯ã‚¯",
            "Ã¢â‚¬â„¢s",
            "Ä°stanbul",
        )
    ),
    *(
        (line, f"holds an HTML entity, {STANDS}")
        for line in (
            "Rosencrantz &amp; Guildenstern",
            "&quot;no&quot;",
            "&#8212; twice",
            "&#x2014;",
            "a&nbsp;b",
            "a &nbsp b",
        )
    ),
    *(
        (line, f"holds an HTML tag, {STANDS}")
        for line in ("<i>italic</i> line", "a<br />", "<BR>", "<p class='x'>", "</div>", "<!-- no -->")
    ),
    *(
        (line, f"holds a program's code, {STANDS}")
        for line in (
            r"line one\nline two",
            r"\ttab",
            r"caf\u00e9",
            r"caf\xe9",
            r"letter\'92s",
            r"\textit{word}",
            "{{title}}",
            "sheep%20may",
        )
    ),
    *(
        (line, f"holds a terminal's code for a colour, {STANDS}")
        for line in ("[31mred[0m", "^[[1mbold", r"\033[0m")
    ),
    *((line, f"holds a code of e-mail (quoted-printable), {STANDS}") for line in ("caf=C3=A9", "the sea=20")),
    *((line, f"holds a code of UTF-7, {STANDS}") for line in ("line one +AGE-", "caf+AOk-")),
    *(
        (line, f"is Markdown, {STANDS}")
        for line in (
            "# Chapter One",
            "```",
            "a **bold** word",
            "see [this](https://x.co)",
            "=====",
            "> quoted",
            "an _old_ wool",
            "* item one",
            "| a | b |",
        )
    ),
    *((line, f"is JSON, {STANDS}") for line in ('{"text": "I saw"}', '["I saw", "the best"],', '{"a": {"b": 1}}')),
    *(
        (line, "is part of a licence or a header and not of the poem")
        for line in (
            "*** START OF THE PROJECT GUTENBERG EBOOK A VOYAGE ***",
            "The Project Gutenberg eBook of A Voyage",
            "Title: A Voyage",
            "This eBook is for the use of anyone anywhere",
            "Copyright (c) 1999 Nobody",
            "All rights reserved.",
            "SPDX-License-Identifier: MIT",
        )
    ),
    ("private \ue000 use", "holds a private use character, which most people see as a box"),
    ("\u0301 baa", "holds a combining mark without a letter"),
    ("baa \u0301baa", "holds a combining mark without a letter"),
    ("tag \U000e0067 flag", "holds an invisible character that changes the direction of the text or does nothing"),
    ("\u202eaab", "holds an invisible character that changes the direction of the text or does nothing"),
]


@pytest.mark.parametrize(("line", "what"), DOUBTFUL)
def test_a_line_that_looks_like_a_mistake_is_told_and_shown(tmp_path: Path, line: str, what: str) -> None:
    """With its number, and so that a terminal does not obey it."""
    (doubt,) = doubts_about(tmp_path, f"a good line\n\n{line}\nanother one\n")
    assert doubt.startswith(f"line 3 {what}: ")
    assert doubt.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        "LIBERTÉ\xa0! ÉGALITÉ\xa0! « À\xa0» dit-il — çà et là",
        "São Paulo, coração, não: à À ã Ã",
        "Привет, «мир» — С…",
        "Ærø, Ørsted, Åse; ÖL; Ñandú",
        "Μῆνιν ἄειδε θεά — ἀρνίον",
        "联通，春眠不觉晓",
        "眠れぬ夜　ひつじのほうが　先に寝る",
        "नि और क्षत्रिय",
        "ง่ำ แมวกินปลา",
        "👩‍👩‍👧‍👦 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f 🇬🇷 1️⃣ ❤️‍🔥",
        "5 < 6 > 4 & so on; R&D; AT&T; you & me",
        "#1 in the list, #wool, C# minor",
        "[sic] and [1], {so} it goes",
        "* * *",
        "*** ***",
        "snake_case_words and 100% wool, see https://x.co/a%20b",
        "(__)",
        "C:\\",
        "---",
        "…",
        "1 + 1 = 2 - all = good",
        "me@example.com, noon @ ten",
        "¯\\_(ツ)_/¯ \\o/",
        "> ",
        "1999",
        "\u2067שלום\u2069",
        "$GOLD in the hills",
        "D: a drive; M, my mother",
        "a common copyright, and the title is lost",
    ],
)
def test_a_line_that_only_looks_odd_is_left_in_peace(tmp_path: Path, line: str) -> None:
    """Poems hold much that programs do not."""
    assert [] == doubts_about(tmp_path, f"a good line\n{line}\nanother one\n")


def test_of_each_kind_the_first_is_shown_and_the_others_are_counted(tmp_path: Path) -> None:
    """A book of entities is one line in the log."""
    text = "one\n" + "this &amp; that\n" * 13 + "<i>two</i>\n" + "x" * 100 + "&lt;"
    assert [
        f"line 2 holds an HTML entity, {STANDS}: this &amp; that (and 13 more lines like it)",
        f"line 15 holds an HTML tag, {STANDS}: <i>two</i>",
        "lines 2 and 3 are the same; X refuses the second: this &amp; that (and 11 more lines like it)",
    ] == doubts_about(tmp_path, text)


def test_a_line_that_shows_nothing_is_told(tmp_path: Path) -> None:
    """It is left out, which nobody would see otherwise."""
    assert ["line 2 shows nothing, and is left out: \\u200b\\u200b (and 1 more line like it)"] == doubts_about(
        tmp_path, "one\n\u200b\u200b\ntwo\n\u00ad\n"
    )


def test_mentions_are_told_by_name(tmp_path: Path) -> None:
    """X tells the owners of these accounts."""
    text = "@blame wrote this\nno one\nD alice come home\n.@carol, @blame\nRT @dora\n"
    assert [
        "line 1 mentions accounts (@blame, D alice, @carol, …): @blame wrote this (and 3 more lines like it)"
    ] == doubts_about(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[\n "I saw the best minds",\n "destroyed by madness"\n]\n', f"the file is JSON, {STANDS}"),
        ('{\n "lines": ["I saw"]\n}\n', f"the file is JSON, {STANDS}"),
        (
            "---\ntitle: Howl\ntags:\n  - best minds\n---\nI saw\n",
            f"line 1 begins a header (front matter), {STANDS}; "
            "write it as lines name: value between two --- lines (see docs/poems.md)",
        ),
        (
            'id,line,author\n1,"I saw the best minds, again",AG\n2,"destroyed",AG\n',
            "the file is a table (CSV), and each line is posted with its ',': id,line,author",
        ),
        ("1;I saw\n2;the best\n", "the file is a table (CSV), and each line is posted with its ';': 1;I saw"),
        (
            "1\tI saw\n2\tthe best\n",
            "the file is a table (CSV), and each line is posted with its '\\t': 1\\tI saw",
        ),
    ],
)
def test_a_file_that_is_no_list_of_lines_is_told_as_a_whole(tmp_path: Path, text: str, expected: str) -> None:
    """Its brackets and separators would be posted."""
    assert expected in doubts_about(tmp_path, text)


BLOCK = "write it into a block between two --- lines at the top of the file, which is not said"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Title: Fog\nbaa\nboo\n",
            f"line 1 is part of a licence or a header and not of the poem: Title: Fog; {BLOCK}",
        ),
        (
            "---\ntitle: Fog\ndate: 1916\n---\nbaa\nboo\n",
            "the block at the top has fields that mean nothing ('date'); see docs/poems.md",
        ),
    ],
)
def test_what_is_about_the_poem_is_told_with_where_to_write_it(tmp_path: Path, text: str, expected: str) -> None:
    """It is said like all else, unless it is in the block."""
    assert [expected] == doubts_about(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: Fog\nauthor: Carl Sandburg\n---\nbaa\nboo\n",
        "by the sea\nI sat\nand wept\n",
        "baa\nboo\nby And By\nby Ann\n",
        "THE FOG\nbaa\nboo\n",
        "O!\n\nbaa\nboo\n",
        "羊\n\n眠れぬ\n夜\n",
    ],
)
def test_what_may_be_a_line_is_no_title(tmp_path: Path, text: str) -> None:
    """Neither is what the block says."""
    assert [] == doubts_about(tmp_path, text)


def test_of_a_poem_in_stanzas_the_stanzas_are_compared_and_cut(tmp_path: Path) -> None:
    """Two equal lines in one stanza are no duplicates; two equal stanzas are."""
    text = "---\nsay: stanzas\n---\nbaa\nbaa\n\nboo\n\nboo\n\n" + "baa baa\n" * 200
    first, second = doubts_about(tmp_path, text)
    assert "line 11 makes 6 posts: baa baa\\nbaa" in first
    assert "lines 7 and 9 are the same; X refuses the second: boo" == second


def test_prose_with_commas_is_no_table(tmp_path: Path) -> None:
    """A blank follows each of them."""
    assert [] == doubts_about(tmp_path, "one, two\nthree, four\nfive, six\n")


def test_long_lines_are_told_with_their_number_of_posts(tmp_path: Path) -> None:
    """Up to three posts are usual; the longest line is shown."""
    text = "\n".join(["short", "baa " * 200, "baa " * 1000, "baa " * 500])
    (doubt,) = doubts_about(tmp_path, text)
    assert f"line 3 makes 15 posts: {('baa ' * 15)}… (and 1 more line like it)" == doubt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("baa\n", ["the poem has one line; X takes it once and refuses it from then on"]),
        (
            "---\nsay: stanzas\n---\nbaa\nboo\n",
            ["the poem is said in one go; X takes it once and refuses it from then on"],
        ),
        ("\nbaa\nbaa\nboo\n", ["lines 2 and 3 are the same; X refuses the second: baa"]),
        (
            "A rose\nis a rose\nA rose\n",
            ["the last line (3) is the same as the first; X refuses the first when the poem starts over: A rose"],
        ),
        ("baa\nboo\nbaa\nboo\n", []),
    ],
)
def test_what_x_refuses_as_a_duplicate_is_told_beforehand(tmp_path: Path, text: str, expected: list[str]) -> None:
    """X takes no text twice in a row; a refrain with a line between is well."""
    assert expected == doubts_about(tmp_path, text)


def test_duplicates_are_no_matter_where_the_network_takes_them(tmp_path: Path) -> None:
    """Not every network refuses them."""
    assert [] == list(find_doubts(poem_of(tmp_path, "baa\nbaa\n")))


@given(st.text(min_size=1))
def test_any_poem_gives_a_few_safe_lines(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No text makes it fail."""
    try:
        poem = poem_of(tmp_path_factory.mktemp("any"), text)
    except BadPoem:
        return
    found = list(find_doubts(poem, fits=fits_a_tweet, refuses_duplicates="X"))
    assert len(found) < 20
    assert all(each.isprintable() for each in found)


@pytest.mark.parametrize(
    "unit", ["baa &", "[", "{", "<a ", "é", "**a", "[](", "@a ", "=A", "â", "+AAA", "`", "(c)", "\\"]
)
def test_half_a_megabyte_of_anything_is_looked_at_in_seconds(tmp_path: Path, unit: str) -> None:
    """Also one of lines that no poem has."""
    line = (unit * 20_000)[:19_990]
    prose = "it was a dark and stormy night, and the rain fell in torrents. " * 12
    poem = poem_of(tmp_path, "\n".join([f"{number} {line}" for number in range(20)] + [prose] * 10))
    before = time.process_time()
    list(find_doubts(poem, fits=fits_a_tweet, refuses_duplicates="X"))
    assert time.process_time() - before < CPU
