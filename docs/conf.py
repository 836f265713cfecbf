"""Sphinx's configuration. `make docs` builds the site; tools/docs/build.py says how."""

import sys
from pathlib import Path

# The sources are copied to build-docs/source, with the generated pages beside them.
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/docs"), str(ROOT / "python")]

import docstrings  # noqa: E402

import fastbearer  # noqa: E402
import fastbearer.stores  # noqa: E402
import fastbearer.wsgi  # noqa: E402

# What these modules import when it is asked for first is looked for among their attributes.
fastbearer.stores.RedisStore = fastbearer.stores.RedisStore
fastbearer.wsgi.BearerAuthentication = fastbearer.wsgi.BearerAuthentication

project = "fastbearer"
author = "the fastbearer authors"
copyright = author
release = version = fastbearer.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_design"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["providers/README.md"]
nitpicky = True
# Names of the standard library and of the frameworks, and types that are not public.
nitpick_ignore_regex = [
    ("py:.*", r"(?!fastbearer\.).*"),
    ("py:.*", r"fastbearer\._.*|.*\._.*"),
    ("c:identifier", r".*_t|bool|size_t|.*inner.*"),
]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
smartquotes = False  # "--option" is meant as it stands

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
c_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "fastbearer"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": True,
    "footer_icons": [],
    "light_css_variables": {"color-brand-primary": "#b8400a", "color-brand-content": "#b8400a"},
    "dark_css_variables": {"color-brand-primary": "#ff8f5c", "color-brand-content": "#ff8f5c"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app):
    app.connect("autodoc-process-docstring", docstrings.as_rst)
