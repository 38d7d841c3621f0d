"""Link each page to the same page in the other language, or to its home page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = {"en": "English", "zh_CN": "中文"}
SINGLE = ("lesson", "pitfalls", "tables", "glossary", "notebooks/*")  # guides in English


def link_languages(app: Any, page: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Give the template the other language's name and address."""
    chinese = app.config.language == "zh_CN"
    other = Path(app.confdir) if chinese else Path(app.confdir) / "zh"
    exists = any((other / page).with_suffix(suffix).exists() for suffix in (".md", ".ipynb"))
    target = page if exists or page.startswith("gallery/") else "index"  # both are generated
    root = "../" if chinese else "zh/"
    context["other_language"] = NAMES["en" if chinese else "zh_CN"]
    context["other_address"] = context["pathto"](f"{root}{target}.html", 1)


def configure(app: Any, config: Any) -> None:
    """Give Chinese pages that belong to no section no list of sections, and the bar its words."""
    if config.language == "zh_CN":
        config.html_sidebars |= {page: [] for page in SINGLE}
        config.html_theme_options |= {
            "header_dropdown_text": "更多",
            "header_links_before_dropdown": 5,  # long titles
        }


def setup(app: Any) -> dict[str, bool]:
    """Connect the link to the pages."""
    app.connect("config-inited", configure)
    app.connect("html-page-context", link_languages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
