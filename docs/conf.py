"""How Sphinx builds the site (`make site`)."""

from importlib.metadata import version as version_of

project = "Mien"
author = "the Mien maintainers"
project_copyright = "the Mien maintainers, Apache-2.0"
release = version_of("mien")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["phone.css"]
html_title = "Mien"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
# Headings can be linked to, as on the repository's own pages: [rate limits](front-door.md#rate-limits).
myst_heading_anchors = 4
nitpicky = True
# Examples show what a shell or a log prints, which is no language.
highlight_language = "none"
# They would make dashes of the two hyphens before options.
smartquotes = False
suppress_warnings = ["misc.highlighting_failure"]
