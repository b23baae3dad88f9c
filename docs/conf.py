"""The documentation as a site: `python -m sphinx docs docs/_build/html`, in the folder above."""
from d2l_linreg import __version__

project = "d2l-linreg"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
highlight_language = "text"  # where a page does not say which

# Docstrings give types in sections of their own, and code between single backticks.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

html_theme = "alabaster"
html_theme_options = {"page_width": "70em", "body_max_width": "none"}
html_show_copyright = False
