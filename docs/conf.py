"""The documentation as a site: `sphinx-build docs docs/_build/html`, in the folder above."""
import shutil
from pathlib import Path

from d2l_linreg import __version__

HERE = Path(__file__).parent
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(".*"))  # Sphinx reads only what is below it

project = "d2l-linreg"
version = release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
highlight_language = "text"  # where a page does not say which

# Docstrings give types in sections of their own, and code between single backticks.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["dollarmath"]  # formulas, as in our notebooks
nb_execution_mode = "off"  # our notebooks are shown as they are stored
html_theme = "furo"
html_title = f"d2l-linreg {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
