"""The language of explanations and reports: gettext catalogues, read from their .po files."""

from __future__ import annotations

import ast
import gettext as standard
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

from neglog.errors import listed, sentence
from neglog.errors.arguments import OptionError

ENGLISH = "en"
VARIABLE = "NEGLOG_LANG"
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


class Catalogue(standard.NullTranslations):
    """The messages of a .po file; messages without a translation stay as they are."""

    def __init__(self, messages: dict[str, str]) -> None:
        super().__init__()
        self.messages = messages

    def gettext(self, message: str) -> str:
        """Return the translation of a message."""
        return self.messages.get(message) or message


@cache
def languages() -> list[str]:
    """Return the names of all languages."""
    files = resources.files("neglog").joinpath("translations").iterdir()
    names = [file.name.removesuffix(".po") for file in files if file.name.endswith(".po")]
    return [ENGLISH, *sorted(names)]


def current() -> str:
    """Return the chosen language: of `using`, else of the variable NEGLOG_LANG, else English.

    Raises:
        OptionError: there is no such language.
    """
    return _chosen.get() or checked(os.environ.get(VARIABLE) or ENGLISH, VARIABLE)


def checked(name: str, source: str = "lang") -> str:
    """Return the language of a name such as zh, zh-CN or zh_CN.UTF-8.

    Raises:
        OptionError: there is no such language.
    """
    short = name.lower().replace("_", "-").partition("-")[0].partition(".")[0]
    if short not in languages():
        expected = f"{source} must be one of {listed(languages(), 99)}"
        raise OptionError(sentence(expected, f"it is {name!r}"))
    return short


@contextmanager
def using(name: str | None) -> Iterator[None]:
    """Choose a language for a block; None leaves it to the variable NEGLOG_LANG."""
    before = _chosen.set(current() if name is None else checked(name))
    try:
        yield
    finally:
        _chosen.reset(before)


def gettext(message: str) -> str:
    """Return a message in the current language."""
    return catalogue(current()).gettext(message)


def joined(*sentences: str) -> str:
    """Join sentences: with spaces, except after a Chinese full stop.

    >>> joined("One.", "Two."), joined("其一。", "其二。")
    ('One. Two.', '其一。其二。')
    """
    text = ""
    for each in filter(None, sentences):
        text += each if not text or text.endswith("。") else f" {each}"
    return text


@cache
def catalogue(language: str) -> standard.NullTranslations:
    """Return the messages of a language."""
    if language == ENGLISH:
        return standard.NullTranslations()
    file = resources.files("neglog").joinpath("translations", f"{language}.po")
    return Catalogue(read(file.read_text(encoding="utf-8")))


def read(text: str) -> dict[str, str]:
    r"""Return the messages of a .po file and their translations.

    >>> read('msgid "loss"\nmsgstr "损失"\n')
    {'loss': '损失'}
    """
    entries: list[dict[str, str]] = []
    for line in text.splitlines():
        keyword, _, quoted = line.partition(" ")
        if keyword == "msgid":
            entries.append({})
        if keyword in ("msgid", "msgstr"):
            field = keyword
            entries[-1][field] = ast.literal_eval(quoted)
        elif line.startswith('"'):
            entries[-1][field] += ast.literal_eval(line)
    return {entry["msgid"]: entry["msgstr"] for entry in entries if entry["msgid"]}
