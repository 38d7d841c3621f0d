"""Detect the encoding of text files that are not UTF-8."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path
from typing import BinaryIO

from neglog.errors import FitError
from neglog.errors.tables import EncodingError
from neglog.fitting.tables import text_lines
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.text_lines import Scan
from neglog.translation import gettext as _

TRIED = (
    "windows-1252", "windows-1250", "windows-1254", "windows-1251", "gb18030", "big5", "cp932",
    "euc_jp", "cp949", "cp850",
)  # fmt: skip
"""The encodings that are tried, those with Latin letters in the order of preference."""
_CLEAR, _COHERENT = 0.85, 0.1
_MIN_HANGUL, _LONG = 6, 400
_IN_ASIA: dict[str, tuple[str, int, int]] = {
    "gb18030": ("gb2312", 0xA1, 0xD7),
    "big5": ("big5", 0xA1, 0xC6),
    "cp932": ("euc_jp", 0xA1, 0xCF),
    "euc_jp": ("euc_jp", 0xA1, 0xCF),
    "cp949": ("euc_kr", 0xB0, 0xC8),
}
"""The standard of each encoding, and the first bytes of its common characters."""
_ALPHABETS = (
    "äöüß", "àâæçéèêëîïôœùûü", "áéíóúñüç", "áâãàçéêíóôõú", "àèéìíòóùú", "àçèéíïòóúü", "äöåæøéü",
    "áäčďéíĺľňóôŕšťúýžěřů", "ąćęłńóśźż", "áéíóöőúüű", "čćđšž", "ăâîșşțţ", "çğıöşüâî",
)  # fmt: skip
"""The letters with accents of some languages that use windows-1252, 1250 or 1254."""
_KANA = re.compile("[ぁ-ヺ]")
_WORD = re.compile(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*")
_LATIN = "a-zA-ZÀ-ÖØ-öø-ʯ"
_CYRILLIC = "Ѐ-ӿ"
_ASIAN = "ᄀ-ᇿ\u2e80-鿿가-힣豈-\ufaff"
_IMPLAUSIBLE = re.compile(
    # Control characters, soft hyphens, frames, private use, half-width katakana.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u2500-\u25ff\ue000-\uf8ff\ufffd\uff61-\uff9f]"
    # Symbols inside of a word; two scripts in a word; a capital after small letters.
    f"|[{_LATIN}{_CYRILLIC}][^\x00-\x7f{_LATIN}{_CYRILLIC}{_ASIAN}’‘·–—-][{_LATIN}{_CYRILLIC}]"
    f"|[{_LATIN}][{_CYRILLIC}]|[{_CYRILLIC}][{_LATIN}]|[a-z][{_ASIAN}]+[a-z]"
    "|[ß-öø-ÿа-яё][À-ÖØ-ÞЀ-Я]|[a-zа-я][À-ÖØ-ÞЀ-Я]|[ß-öø-ÿ][A-Z]"
    # Hangul next to Chinese characters, words without plain letters, small letters after capitals.
    "|[가-힣][一-鿿]|[一-鿿][가-힣]|[\xa1-\u02ff]{3}|[А-ЯЁ]{2}[а-яё]"
)


def declared(reading: Reading) -> str:
    """Return the Python name of the requested encoding; UTF-8 by default."""
    name = codecs.lookup(reading.encoding or "utf-8").name
    return "utf-8" if name == "utf-8-sig" else name


def of_bytes(reading: Reading) -> str:
    """Return the encoding of content converted to a superset of ASCII."""
    name = declared(reading)
    return name if extends_ascii(name) else "utf-8"


def extends_ascii(name: str) -> bool:
    """Whether an encoding extends ASCII; UTF-16 does not."""
    plain = bytes(range(32, 127)).replace(b"\\", b"").replace(b"~", b"")  # a yen sign in Japan
    try:
        return (b"\n" + plain).decode(name) == "\n" + plain.decode() and not name.startswith(
            "utf_7"
        )
    except UnicodeError:
        return False


def decoded(path: Path, content: bytes, name: str) -> str:
    """Decode text, or refuse it with the first undecodable line."""
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(name, "replace")
        raise _refuse_encoding(path, name, content[error.start], before.count("\n") + 1) from None


def _refuse_encoding(path: Path, name: str, byte: int, line: int) -> FitError:
    return EncodingError(
        f"{path} is not in {name}: byte 0x{byte:02x} in line {line} cannot be read; pass another "
        "--encoding (encoding=), or save the file as UTF-8."
    )


def of_file(path: Path, scan: Scan, file: BinaryIO, reading: Reading, notes: list[str]) -> str:
    """Return the encoding of a text file; add a note if it is not UTF-8.

    Raises:
        FitError: it is not certain, or some of the file is in another one.
    """
    if reading.encoding is not None and not scan.fits:
        raise _refuse_encoding(path, reading.encoding, scan.byte, scan.line)
    if scan.fits:
        return scan.encoding
    name = _detected(path, scan, notes)
    file.seek(0)
    again = text_lines.scan(text_lines.parts(file), name)
    if not again.fits:
        raise _refuse_encoding(path, name, again.byte, again.line)
    return name


def _detected(path: Path, scan: Scan, notes: list[str]) -> str:
    where = f"{path} is not in UTF-8 (byte 0x{scan.byte:02x} in line {scan.line})"
    found = readings(scan.sample)
    if not found:
        raise EncodingError(
            f"{where}, nor in any other encoding that is tried ({', '.join(TRIED)}); pass "
            "--encoding NAME (encoding=), or save it as UTF-8."
        )
    if len(found) > 1 and not _all_latin(found):
        shown = ", ".join(f"{_excerpt(text)!r} in {name}" for name, text in found)
        raise EncodingError(
            f"{where}, and its encoding is not certain: a value may be {shown}; pass --encoding "
            "NAME (encoding=)."
        )
    name, text = found[0]
    uncertainty = ""
    if len(found) > 1:
        other, changed = found[1]
        pairs = zip(_words(text), _words(changed), strict=False)
        word, its = next((a, b) for a, b in pairs if a != b)
        uncertainty = _("; in {other}, {word!r} would be {its!r}").format(
            other=other, word=word, its=its
        )
    notes.append(
        _(
            "{name} is not in UTF-8 and is read as {encoding}, as in "
            "{excerpt!r}{uncertainty}; --encoding NAME (encoding=) changes it."
        ).format(name=path.name, encoding=name, excerpt=_excerpt(text), uncertainty=uncertainty)
    )
    return name


def readings(sample: bytes) -> list[tuple[str, str]]:
    """Return plausible encodings of a sample with the decoded text, the most likely first.

    Of several that read it alike the first is returned.

    Example:
        >>> readings("größe,gewicht".encode("latin-1"))
        [('windows-1252', 'größe')]
    """
    from charset_normalizer import from_bytes

    words = list(dict.fromkeys(re.findall(rb"[^\s,;\"]*[\x80-\xff][^\s,;\"]*", sample)))
    sample = b"\n".join(words)
    texts: dict[str, str] = {}
    for name in TRIED:
        text = _decoded(name, sample)
        if text is not None and text not in texts.values():
            texts[name] = text
    if len(texts) > 1:
        texts.pop("cp850", None)  # an old one, that reads much as words
    hangul = re.findall("[가-힣]", texts.get("cp949", ""))
    if len(hangul) >= _MIN_HANGUL and not _KANA.search("".join(texts.values())):
        return [("cp949", texts["cp949"])]  # few Chinese texts have only bytes of Hangul
    found = sorted(texts.items(), key=lambda match: not _is_of_a_language(match[1]))
    if len(found) < 2 or len(sample) < _LONG:
        return found
    known = from_bytes(sample, cp_isolation=list(texts), enable_fallback=False)
    plausible = {other: match.coherence for match in known for other in match.could_be_from_charset}
    ranked = sorted(found, key=lambda match: -plausible.get(_plain(match[0]), 0.0))
    first, second = (plausible.get(_plain(name), 0.0) for name, _ in ranked[:2])
    return ranked[:1] if first >= second + _COHERENT else found


def _decoded(name: str, sample: bytes) -> str | None:
    """Decode a sample; None if the result is implausible."""
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return None
    return text if _is_plausible(name, text) else None


def _is_of_a_language(text: str) -> bool:
    """Whether the accented letters belong to one language."""
    letters = {c for c in text.lower() if ord(c) > 127 and c.isalpha()}
    return any(letters <= set(alphabet) for alphabet in _ALPHABETS)


def _plain(name: str) -> str:
    return name.replace("windows-", "cp")


def _is_plausible(name: str, text: str) -> bool:
    if _IMPLAUSIBLE.search(text):
        return False
    if name == "euc_jp" and not _KANA.search(text):  # else it reads much Chinese as words
        return False
    return name not in _IN_ASIA or _common(name, text) >= _CLEAR


def _common(name: str, text: str) -> float:
    """Count the characters that the standard lists as common."""
    standard, low, high = _IN_ASIA[name]
    invalid = [c for c in text if ord(c) > 127]
    codes = [c.encode(standard, "replace") for c in invalid]
    return sum(len(code) == 2 and low <= code[0] <= high for code in codes) / max(len(invalid), 1)


def _all_latin(found: list[tuple[str, str]]) -> bool:
    """Whether the decoded texts differ only in accents."""
    return all(
        unicodedata.name(c, "").startswith("LATIN") or not c.isalpha()
        for _, text in found
        for c in text
        if ord(c) > 127
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _excerpt(text: str) -> str:
    found = _words(text)
    return found[0][:40] if found else text[:40]
