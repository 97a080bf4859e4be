"""Sections, paragraphs, title, abstract, and labels."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import commands, named, skip, take
from s1_mmalign.builder.formats.latex.events import Break, Label, Target
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import Macro
from s1_mmalign.builder.formats.latex.tokens import Token, spell

_NUMBERED = ("part", "chapter", "section", "subsection", "subsubsection")


def section(tex: Interpreter, token: str, level: str = "") -> None:
    """`\\section*[short]{heading}` and its kin."""
    level = level or token[1:]
    starred = tex.star()
    tex.optional()
    heading = tex.argument()
    if not tex.depth:
        _close_unended(tex)
    tex.end_paragraph()
    if level == "chapter" and "chapter" not in tex.used_levels:
        for counter in ("section", "figure", "table", "equation"):
            tex.counters.count_within(counter, "chapter")
    tex.used_levels.add(level)
    tex.note(Break())
    if not starred and level in _NUMBERED:
        tex.step(level)
    text = spell(tex.run(heading)).strip().lower()
    _end_abstract_section(tex)
    if text.strip("{} .:\\") in ("abstract", "summary") and not tex.document.abstract:
        tex.abstract_start = len(tex.document.paragraphs)


def _end_abstract_section(tex: Interpreter) -> None:
    if tex.abstract_start is not None:
        paragraphs = tex.document.paragraphs[tex.abstract_start :]
        tex.document.abstract = [node for paragraph in paragraphs for node in (*paragraph.nodes, "\\par")]
        tex.abstract_start = None


def _close_unended(tex: Interpreter) -> None:
    """Close floats and formulas: none holds a section, so that their end is missing."""
    while tex.innermost("figure", "other", "formula"):
        tex.close_frame()


def start_section(tex: Interpreter, token: str) -> None:
    """`\\@startsection{name}{level}{indent}{before}{after}{style}`, then as the section command itself."""
    name = tex.words(tex.argument())
    for _ in range(5):
        tex.argument()
    section(tex, token, name)


def paragraph_end(tex: Interpreter, token: str) -> None:
    """A blank line, `\\par` and all commands that imply one."""
    tex.end_paragraph()


def appendix(tex: Interpreter, token: str) -> None:
    """`\\appendix`."""
    tex.end_paragraph()
    if "appendix" not in tex.used_levels:
        tex.used_levels.add("appendix")
        tex.counters.start_appendix()


def appendix_environment(tex: Interpreter, name: str) -> None:
    """`\\begin{appendices}`."""
    appendix(tex, "")
    tex.begin(name, "text")


def make_title(tex: Interpreter, token: str) -> None:
    """`\\maketitle`, into which authors put a figure of their own by redefining `\\@maketitle`."""
    tex.end_paragraph()
    if isinstance(tex.commands.get("\\@maketitle"), Macro):
        tex.push(["\\@maketitle", "\\par"])


def columns(tex: Interpreter, token: str) -> None:
    """`\\twocolumn[text]`: the text is set across the page, often with a figure in it; `\\onecolumn`."""
    tex.end_paragraph()
    if token == "\\twocolumn" and (across := tex.optional(long=True)):
        tex.push([*across, "\\par"])


def front_matter(tex: Interpreter, token: str) -> None:
    """`\\author[short]{names}` and its kin: no part of the text, unless a figure is hidden in it."""
    take(tex, "so")
    content = tex.argument() if tex.peek() == "{" else []
    if any(name in content for name in ("\\captionof", "\\caption", "\\begin{figure}", "\\begin{figure*}")):
        tex.push(content)


def item(tex: Interpreter, token: str) -> None:
    """`\\item[mark]`: a paragraph of its own."""
    tex.end_paragraph()
    mark = tex.optional()
    if mark:
        tex.push([*mark, " "])
    elif tex.frames and tex.frames[-1].name == "enumerate":
        tex.step("enumi")


def abstract(tex: Interpreter, name: str) -> None:
    """`\\begin{abstract}`."""
    frame = tex.begin(name, "aside", own_text=True)
    frame.on_close = lambda: _keep_abstract(tex, tex.out)


def abstract_command(tex: Interpreter, token: str) -> None:
    """`\\abstract{text}`, five of them in the class `aa`."""
    if tex.peek() != "{":
        return
    parts: list[Token] = []
    for _ in range(5 if tex.document_class.startswith("aa") and tex.document_class[:3] != "aas" else 1):
        if tex.peek() != "{":
            break
        parts += [*tex.argument(), " "]
    _keep_abstract(tex, tex.run(parts))


def _keep_abstract(tex: Interpreter, nodes: list[Token]) -> None:
    if not tex.document.abstract and not tex.in_package:
        tex.document.abstract = nodes


def title(tex: Interpreter, token: str) -> None:
    """`\\title[short]{text}`."""
    tex.star()
    tex.optional()
    text = tex.argument()
    if not tex.document.title and not tex.in_package:
        tex.document.title = tex.run(text)


def label(tex: Interpreter, token: str) -> None:
    """`\\label{name}`: names the number stepped last, and the float that it stands in."""
    name = tex.words(tex.argument())
    formula = tex.frames[-1] if tex.frames else None
    if formula is not None and formula.kind == "formula":
        tex.emit(Label(name))
        return
    if not name or tex.in_package:
        return
    tex.document.labels.setdefault(name, Target(*tex.current))
    if tex.current[0] == "figure" or tex.innermost("figure", "other", "box"):
        tex.note(Label(name))


COMMANDS: dict[str, Handler] = {
    **commands(
        "part chapter section subsection subsubsection paragraph subparagraph addsec addchap specialsection", section
    ),
    "\\@startsection": start_section,
    **commands(
        "par newpage eject supereject clearpage cleardoublepage pagebreak bigskip medskip smallskip endgraf "
        "printbibliography tableofcontents FloatBarrier",
        paragraph_end,
    ),
    **commands("twocolumn onecolumn", columns),
    **commands(
        "author authors address affil affiliation institute institution email ead date keywords pacs preprint "
        "correspondingauthor authorrunning titlerunning icmlauthor icmlaffiliation fancyhead fancyfoot lhead chead "
        "rhead significancestatement authorcontributions authordeclaration leadauthor externaldocument",
        front_matter,
    ),
    "\\maketitle": make_title,
    "\\appendix": appendix,
    "\\item": item,
    "\\label": label,
    **commands("title Title icmltitle mlsystitle papertitle acmtitle", title),
    **commands("abstract Abstract abstracts", abstract_command),
    "\\bibliography": skip("m"),
}
ENVIRONMENTS: dict[str, Handler] = {
    **named("abstract Abstract onecolabstract", abstract),
    **named("appendix appendices subappendices", appendix_environment),
}
