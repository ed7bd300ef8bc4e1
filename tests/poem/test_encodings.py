"""What is said of a poem that is no text in UTF-8: its kind, or its encoding and how to convert it."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from flock.errors import BadPoem
from flock.poem import read_poem

RUSSIAN = "Белеет парус одинокий\nВ тумане моря голубом!\nЧто ищет он в стране далёкой?\n"
UKRAINIAN = "Реве та стогне Дніпр широкий,\nСердитий вітер завива\n"
FRENCH = "Le café près de l’église\noù l’été dure\n« Ô temps ! »\n"
GERMAN = "Über allen Gipfeln\nist Ruh, in allen Wipfeln spürest du\nkaum einen Hauch\n"
SPANISH = "¿Qué es la vida? Un frenesí.\nEl mañana será otra cosa\n"
PORTUGUESE = "Minha terra tem palmeiras, onde canta o Sabiá;\nnão permita Deus, coração\n"
SWEDISH = "Hur ljuvt det är att komma på väg\n"
ENGLISH = "It’s the sea — “old,” it said\n"
POLISH = (
    "Litwo! Ojczyzno moja! ty jesteś jak zdrowie;\nIle cię trzeba cenić, ten tylko się dowie, kto cię stracił\n"
)
CZECH = "Příliš žluťoučký kůň\núpěl ďábelské ódy\n"
HUNGARIAN = "Őrült szívem, örök tűz\n"
TURKISH = "Şu dağlarda kar olsaydım\nGökyüzü masmavi, içimde bir şarkı\n"
GREEK = "Μήνιν άειδε θεά\nΠηληϊάδεω Αχιλήος\n"
HEBREW = "שלום עולם\nמה נשמע\n"
ARABIC = "قفا نبك من ذكرى حبيب ومنزل\n"
THAI = "แมวกินปลา\nในนามีข้าว\n"
CHINESE = "床前明月光\n疑是地上霜\n举头望明月，低头思故乡。\n"
TAIWANESE = "我等著你，像等著一場雨。\n那年夏天，我們在河邊走過\n"
JAPANESE = "古池や\n蛙飛びこむ\n水の音\n"
KOREAN = "나 보기가 역겨워\n가실 때에는\n"
PLAIN = "line one\nline two\n"

NAMED = [
    *((RUSSIAN, codec) for codec in ("cp1251", "koi8_r", "cp866", "mac_cyrillic", "utf-16-le", "utf-16-be")),
    *((UKRAINIAN, codec) for codec in ("cp1251", "koi8_u")),
    *((FRENCH, codec) for codec in ("cp1252", "mac_roman", "utf-16", "utf-16-le", "utf-32-be")),
    *((GERMAN, codec) for codec in ("cp1252", "latin-1", "cp437", "cp850")),
    *((SPANISH, codec) for codec in ("cp1252", "mac_roman")),
    *((PORTUGUESE, codec) for codec in ("cp1252", "mac_roman")),
    *((ENGLISH, codec) for codec in ("cp1252", "mac_roman")),
    (SWEDISH, "latin-1"),
    (POLISH, "cp1250"),
    (GREEK, "cp1253"),
    (ARABIC, "cp1256"),
    *((line, "cp1252") for line in ("café\n", "Wer reitet so spät?\n", "où\n", "l’été\n")),
    *((line, "mac_roman") for line in ("café\n", "l’été\n")),
    *((line, "koi8_r") for line in ("буря мглою небо кроет\n", "Я вас любил: любовь ещё, быть может\n")),
    (THAI, "cp874"),
    *((CHINESE, codec) for codec in ("gbk", "gb18030", "gb2312", "utf-16-be")),
    (TAIWANESE, "big5"),
    *((JAPANESE, codec) for codec in ("shift_jis", "cp932", "euc_jp", "iso2022_jp", "utf-16-le")),
    *((KOREAN, codec) for codec in ("euc_kr", "cp949")),
    *((PLAIN, codec) for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")),
    ("naïve\n", "cp1252"),
]
TEXTS = [each for name, each in sorted(vars().items()) if name.isupper() and isinstance(each, str)]
EAST_ASIAN = ("gbk", "big5", "shift_jis", "euc_jp", "euc_kr")
CODECS = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp437", "cp850", "cp852", "cp866"),
    *("cp874", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "iso8859_15", "koi8_r", "koi8_u", "mac_roman"),
    *("mac_cyrillic", "mac_greek", "mac_turkish", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le"),
    *EAST_ASIAN,
)


def refusal_of(path: Path, content: bytes) -> str:
    """Return what is said of a poem with that content."""
    path.write_bytes(content)
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    return str(caught.value)


def converted(refusal: str, path: Path) -> str:
    """Follow the advice to the letter, and return the text that comes of it."""
    command = refusal.partition("or run: ")[2]
    subprocess.run(command, shell=True, check=True)
    return path.with_name("it's a poem.utf8.txt").read_text(encoding="utf-8").removeprefix("\ufeff")


@pytest.mark.parametrize(("text", "codec"), NAMED)
def test_the_advice_followed_to_the_letter_gives_the_poem(tmp_path: Path, text: str, codec: str) -> None:
    """The command holds the file names, quoted for the shell."""
    path = tmp_path / "it's a poem.txt"
    refusal = refusal_of(path, text.encode(codec))
    assert refusal.startswith("not UTF-8 ")
    assert text == converted(refusal, path)


@pytest.mark.parametrize("text", TEXTS)
def test_an_encoding_that_is_named_is_the_right_one(tmp_path: Path, text: str) -> None:
    """Where it is not certain, none is named."""
    path = tmp_path / "it's a poem.txt"
    for codec in CODECS:
        content = text.encode(codec, "ignore")
        is_odd = codec in EAST_ASIAN and text in (RUSSIAN, UKRAINIAN, GREEK)  # possible, but not in use
        if is_odd or content == text.encode() or content.decode(codec) != text:
            continue
        refusal = refusal_of(path, content)
        unknown = (
            "but in some other encoding; find out which, then save it as UTF-8, or run: iconv -f THAT_ENCODING"
        )
        assert unknown in refusal or text == converted(refusal, path), codec


@pytest.mark.parametrize(
    ("codec", "name"), [("gbk", "GBK"), ("mac_roman", "Mac Roman"), ("shift_jis", "Shift_JIS")]
)
def test_an_encoding_is_named_as_people_call_it(tmp_path: Path, codec: str, name: str) -> None:
    """And the command as iconv calls it."""
    text = {"gbk": CHINESE, "mac_roman": FRENCH, "shift_jis": JAPANESE}[codec]
    path = tmp_path / "poem.txt"
    assert f" of {path}) but probably {name}; save it as UTF-8, or run: iconv -f " in refusal_of(
        path, text.encode(codec)
    )


def test_what_no_encoding_explains_is_said_to_be_in_another_one(tmp_path: Path) -> None:
    """Not in WINDOWS-1252, which would make rubbish of it."""
    path = tmp_path / "poem.txt"
    assert refusal_of(path, bytes([*b"baa ", 0x81, 0xFE, 0xFF, 0x90, 0xA0])) == (
        f"not UTF-8 (byte 5 of {path}) but in some other encoding; find out which, then save it as UTF-8, or run: "
        f"iconv -f THAT_ENCODING -t UTF-8 {path} > {path.with_name('poem.utf8.txt')}"
    )


def test_surrogates_in_pairs_are_cesu_8(tmp_path: Path) -> None:
    """As Java and Oracle write emoji; iconv does not know it."""
    path = tmp_path / "poem.txt"
    content = "baa \ud83d\udc11\n".encode("utf-8", "surrogatepass")
    expected = f"not UTF-8 (byte 5 of {path}) but CESU-8; save it as UTF-8 with the program that wrote it"
    assert expected == refusal_of(path, content)


def test_a_megabyte_in_another_encoding_is_recognized_at_once(tmp_path: Path) -> None:
    """By its start."""
    content = (RUSSIAN * 20_000).encode("koi8_r")
    assert "KOI8-R" in refusal_of(tmp_path / "poem.txt", content)


def archive(*names: str, first: bytes = b"") -> bytes:
    """Return a ZIP archive with these files; with `first`, as OpenDocument and EPUB begin."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        if first:
            written.writestr(zipfile.ZipInfo("mimetype"), first)
        for name in names:
            written.writestr(name, "baa")
    return content.getvalue()


def tarball() -> bytes:
    """Return a tar archive of one file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as written:
        written.addfile(tarfile.TarInfo("poem.txt"))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (rb"{\rtf1\ansi The snow\par}", "RTF"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (archive("[Content_Types].xml", "word/document.xml"), "a Word document"),
        (archive(first=b"application/vnd.oasis.opendocument.text"), "an OpenDocument file"),
        (archive(first=b"application/epub+zip"), "an EPUB e-book"),
        (archive("poem.txt"), "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old Word document"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a gzip archive"),
        (b"BZh91AY&SY\0", "an archive"),
        (tarball(), "an archive"),
        (b"\x89PNG\r\n\x1a\n\0", "a picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
        (b"GIF89a\1\0", "a picture"),
        (b"ID3\x03\0\0", "a sound or a film"),
        (b"<!DOCTYPE html>\n<html>", "HTML"),
        (b"\xef\xbb\xbf\n<HTML><BODY>baa", "HTML"),
        (b'<?xml version="1.0"?>\n<poem>baa</poem>', "XML"),
        (b"% a comment\n\\documentclass{article}", "LaTeX"),
        (b"%!PS-Adobe-3.0\n", "PostScript"),
        (b"SQLite format 3\0", "no text file"),
    ],
)
def test_a_file_of_another_kind_is_named_as_such(tmp_path: Path, content: bytes, kind: str) -> None:
    """By its first bytes, whatever its name."""
    path = tmp_path / "poem.txt"
    assert f"this is {kind}: {path}; save it as plain text, in UTF-8" == refusal_of(path, content)


@pytest.mark.parametrize(
    "text", ["Riffing wave", "gif87a, she said", "PK", "<3", "{\\rt", "BZh", "id3\x03"[:3], "%pdf-"]
)
def test_a_text_that_begins_almost_like_another_kind_is_a_poem(tmp_path: Path, text: str) -> None:
    """Only the exact bytes count."""
    path = tmp_path / "poem.txt"
    path.write_text(text)
    assert (text,) == read_poem(path)
