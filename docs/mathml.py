"""Equations as MathML, which browsers draw without a script or a font."""

from docutils import nodes
from latex2mathml.converter import convert


def inline(writer, node):
    """An equation in a line of text."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(writer, node):
    """An equation that stands alone, with its number in the book where it has one."""
    writer.body.append(
        f'<div class="equation">{convert(node.astext(), display="block")}</div>'
    )
    raise nodes.SkipNode


def setup(app):
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
