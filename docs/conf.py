"""The settings of the documentation site, which `make docs` builds in English and in Chinese."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "extensions"), str(DOCS)]
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])  # neglog

project = "neglog"
author = "The neglog developers"
release = version = importlib.metadata.version("neglog")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",
    "downloads",
    "error_pages",
    "gallery",
    "languages",
    "mathml",
    "outputs",
    "results",
]
exclude_patterns = [
    "zh/**",
    "extensions",
    "templates",
    "static",
    "report.png",
    "**/.ipynb_checkpoints",
]
templates_path = ["templates"]
default_role = "code"  # docstrings write names in single backticks

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
myst_fence_as_directive = ["math"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True

autodoc_typehints = "none"  # the signature shows them
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Shape", "params_style")]

html_theme = "pydata_sphinx_theme"
html_title = "neglog"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["likelihood.js"]
html_sidebars = {page: [] for page in ("index", "five-minutes", "which-loss", "why")}
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "navbar_align": "left",
    "article_header_end": ["download.html"],
    "navbar_end": ["theme-switcher", "language.html"],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["sphinx-version"],
    "footer_end": [],
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
}
