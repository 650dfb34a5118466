"""How the documentation is built, without asking the network for anything.

``python -m sphinx -W --keep-going -n docs docs/_build/html``
"""

import io
import os
import sys
from contextlib import redirect_stdout
from importlib.metadata import version as installed_version
from pathlib import Path

import matplotlib as mpl

from nndl_ext import Network, mnist_loader, page

sys.path.insert(0, str(Path(__file__).parent))

project = "nndl-ext"
author = "the nndl-ext authors"
project_copyright = "the nndl-ext authors, MIT licence"
release = version = installed_version("nndl-ext")
language = "en_GB"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
exclude_patterns = [
    "_build",
    "_templates",
    "book",
    "pictures",
]  # the gallery makes pages of these two
suppress_warnings = [
    "myst.xref_missing"
]  # README files link to files of the repository
nitpicky = True
default_role = "py:obj"
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(numpy|np|scipy|sklearn|matplotlib|pathlib|os|ArrayLike|DTypeLike)\b.*",
    ),  # of other projects, not linked to
    ("py:.*", r"(nndl_ext\.)?_.*"),
]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say more
templates_path = ["_templates"]
numpydoc_show_class_members = False  # the template of classes lists their members
numpydoc_attributes_as_param_list = True
myst_heading_anchors = 3

# Pictures are made for the light theme; the dark theme dims them.
mpl.rcParams["figure.dpi"] = 100

sphinx_gallery_conf = {
    "examples_dirs": ["book", "pictures"],
    "gallery_dirs": ["auto_book", "auto_pictures"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib",),
    "capture_repr": (),
}

html_theme = "pydata_sphinx_theme"
html_title = "nndl-ext"
html_static_path = ["_static"]
html_css_files = ["own.css"]
html_show_sourcelink = False
html_sidebars = {"kernels": [], "benchmarks": []}  # they are wide
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "kernels": [], "benchmarks": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
}

# On the published site, a menu lists the versions.
if site := os.environ.get("NNDL_EXT_SITE"):
    html_theme_options["switcher"] = {
        "json_url": f"{site}/versions.json",
        "version_match": os.environ.get("NNDL_EXT_SITE_VERSION", "dev"),
    }
    html_theme_options["navbar_end"] = ["version-switcher", "theme-switcher"]
    html_theme_options["check_switcher"] = False


# Docstrings use short names; these are the full ones.
HOMES = {
    "nndl_ext.network.Network": "nndl_ext.Network",
    "network.Network": "nndl_ext.Network",
    "Network": "nndl_ext.Network",
    "load": "nndl_ext.load",
    "history": "nndl_ext.network2.History",
    "dropout": "nndl_ext.network2.Network",
    "fit": "nndl_ext.sklearn.MLPClassifier.fit",
}


def resolve(app, env, node, contnode):
    """Resolve a reference that Sphinx has not found."""
    target = node.get("reftarget", "")
    for name in sorted(HOMES, key=len, reverse=True):
        if target == name or target.startswith(f"{name}."):
            full = HOMES[name] + target.removeprefix(name)
            return env.get_domain("py").resolve_xref(
                env, node["refdoc"], app.builder, "obj", full, node, contnode
            )
    return None


def write_page(app, error):
    """Write the page to draw digits on, which the how-to embeds."""
    if error is None and app.builder.format == "html":
        training_data, _, _ = mnist_loader.load_data_wrapper()
        net = Network([784, 30, 10], seed=0)
        with redirect_stdout(io.StringIO()):
            net.SGD(training_data, 10, 10, 3.0)
        page.write(net, app.outdir / "draw.html")


def setup(app):
    """Register with Sphinx."""
    app.connect("missing-reference", resolve)
    app.connect("build-finished", write_page)
