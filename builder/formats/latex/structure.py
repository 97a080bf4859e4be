"""Commands that make the document's skeleton: files, sections, paragraphs, lists, formulas, title and abstract."""

from __future__ import annotations

from functools import partial

from s1_mmalign.builder.formats.latex.crossrefs import environment, push_source
from s1_mmalign.builder.formats.latex.events import Break, Close, Drawn, Label, Open, Target
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.packages import is_worth_reading
from s1_mmalign.builder.formats.latex.tokens import FILE_END, MARKS, Token, prepare, spell

# -- files --------------------------------------------------------------------------------------------------------------

_DRAWING_ENDINGS = (".pgf", ".tikz", ".pstricks", ".eepic", ".epic")


def input_file(tex: Interpreter, token: str) -> None:
    """`\\input{name}`, `\\input name`, `\\include`, `\\subfile`, `\\InputIfFileExists{name}{yes}{no}`…"""
    folder = tex.words(tex.argument()) if "import" in token or token.startswith("\\subi") else None
    name = tex.words(tex.argument()) if folder is not None or tex.peek() == "{" else _bare_name(tex)
    branches = (tex.argument(), tex.argument()) if token == "\\InputIfFileExists" else ([], [])
    path = tex.files.find(f"{folder}/{name}" if folder else name)
    if path is None or not _read_file(tex, path, inside=_folder_of(path) if folder or "subfile" in token else None):
        tex.push(branches[1])
        return
    if branches[0]:
        tex.push(branches[0])


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _bare_name(tex: Interpreter) -> str:
    """Take the file name of a plain `\\input name `: up to the next blank."""
    tex.skip_blanks()
    taken: list[Token] = []
    while tex.items:
        token = tex.items[-1]
        if not isinstance(token, str) or token[0] in "\\{}$" + MARKS:
            break
        tex.items.pop()
        word = token.split(None, 1)
        if token[0].isspace():
            tex.items.append(token)
            break
        taken.append(word[0])
        if len(word[0]) < len(token):
            tex.items.append(token[len(word[0]) :])
            break
    return spell(taken)


def _read_file(tex: Interpreter, path: str, *, inside: str | None = None, package: bool = False) -> bool:
    """Put a file's tokens on the stack; False if it cannot be read."""
    package = package or path.lower().endswith((".sty", ".cls", ".def"))
    if path.lower().endswith(_DRAWING_ENDINGS):
        tex.note(Drawn(path))
        return True
    source = tex.files.text_of(path)
    if source is None or (package and not is_worth_reading(path)):
        return False
    if "\\begin{pgfpicture}" in source:
        tex.note(Drawn(path))
        return True
    tex.files.open_files.append(path)
    if inside is not None:
        tex.files.import_folders.append(inside)
    outer = tex.in_package

    def close() -> None:
        tex.files.open_files.pop()
        if inside is not None:
            tex.files.import_folders.pop()
        tex.in_package = outer

    tex.file_ends.append(close)
    tex.items.append(FILE_END)
    push_source(tex, prepare(source))
    tex.in_package = outer or package
    return True


def end_of_file(tex: Interpreter, token: str) -> None:
    """An input file has been read to its end."""
    if tex.file_ends:
        tex.file_ends.pop()()


def use_package(tex: Interpreter, token: str) -> None:
    """`\\usepackage[options]{names}`: the author's own, shipped with the paper, are read for their macros."""
    tex.optional()
    names = [name.strip() for name in tex.words(tex.argument()).split(",")]
    tex.package_names.update(names)
    for name in reversed(names):
        path = tex.files.find(name, (".sty",))
        if path and is_worth_reading(path):
            _read_file(tex, path, package=True)


def document_class(tex: Interpreter, token: str) -> None:
    """`\\documentclass[options]{name}`."""
    tex.optional()
    name = tex.words(tex.argument())
    if len(tex.files.open_files) == 1:
        tex.document_class = name
        tex.counters.use_class(name)


def begin_document(tex: Interpreter, name: str) -> None:
    """Start the body; a file that is included with a preamble of its own just goes on."""
    if not tex.in_body:
        tex.in_body = True
        tex.out, tex.references = [], []


def end_document(tex: Interpreter, token: str) -> None:
    """Stop, or go back to the file that included this one."""
    if len(tex.files.open_files) > 1:
        tex.finish_file()
    else:
        tex.items.clear()


def spelled_environment(tex: Interpreter, token: str) -> None:
    """`\\begin` or `\\end` whose name is not written out, as in `\\begin{#1}`; plain TeX's `\\end` stops."""
    if tex.peek() == "{":
        spelled = f"{token}{{{tex.words(tex.argument())}}}"
        handler = tex.commands.get(spelled, environment)
        handler(tex, spelled)
    elif token == "\\end" and not tex.document_class:
        end_document(tex, token)


# -- sections and paragraphs --------------------------------------------------------------------------------------------

_NUMBERED = ("part", "chapter", "section", "subsection", "subsubsection")


def section(tex: Interpreter, token: str, level: str = "") -> None:
    """`\\section*[short]{heading}` and its kin."""
    level = level or token[1:]
    starred = tex.star()
    tex.optional()
    heading = tex.argument()
    if not tex.depth and tex.innermost("figure", "other"):
        _close_floats(tex)  # no float holds a section: its end is missing
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


def _close_floats(tex: Interpreter) -> None:
    while tex.innermost("figure", "other"):
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


def item(tex: Interpreter, token: str) -> None:
    """`\\item[mark]`: a paragraph of its own."""
    tex.end_paragraph()
    mark = tex.optional()
    if mark:
        tex.push([*mark, " "])
    elif tex.frames and tex.frames[-1].name == "enumerate":
        tex.step("enumi")


# -- environments -------------------------------------------------------------------------------------------------------


def breaking(tex: Interpreter, name: str, arguments: str = "o") -> None:
    """An environment whose begin and end are paragraph breaks: lists, quotations, theorems."""
    take(tex, arguments)
    tex.end_paragraph()
    if name == "enumerate":
        tex.counters.set("enumi", 0)
    tex.begin(name, "text", on_close=tex.end_paragraph)


def box(tex: Interpreter, name: str, arguments: str = "", *, breaks: bool = False) -> None:
    """An environment that can hold a picture and its caption without being a float."""
    take(tex, arguments)
    if breaks:
        tex.end_paragraph()
    tex.note(Open("box", name))

    def close() -> None:
        tex.note(Close())
        if breaks:
            tex.end_paragraph()

    tex.begin(name, "box", on_close=close)


def aside(tex: Interpreter, name: str, arguments: str = "om") -> None:
    """A table: its text is no part of the paragraph around it, but in a figure it may letter the pictures."""
    take(tex, arguments)
    in_float = tex.innermost("figure")
    if in_float:
        tex.note(Drawn(name))
    tex.begin(name, "aside", own_text=not in_float)


def skip_environment(tex: Interpreter, name: str) -> None:
    """An environment that is left out unread."""
    find_end(tex, name, remove=True)


def exclude_comment(tex: Interpreter, token: str) -> None:
    """`\\excludecomment{name}`: an environment of the author's that is not printed."""
    name = tex.words(tex.argument())
    tex.define(f"\\begin{{{name}}}", lambda tex, _: skip_environment(tex, name), globally=True)


def find_end(tex: Interpreter, name: str, *, remove: bool) -> list[Token] | None:
    """Return the tokens up to `\\end{name}` and, with `remove`, drop them and it; None if there is no such end."""
    end = f"\\end{{{name}}}"
    items = tex.items
    for index in range(len(items) - 1, -1, -1):
        if items[index] == end:
            inside = items[index + 1 :]
            inside.reverse()
            if remove:
                tex.drop(index)
            return inside
    tex.spend(len(items))
    return None


def passed_on(tex: Interpreter, name: str) -> None:
    """An environment inside a formula: its two ends are kept for printing."""
    tex.emit(f"\\begin{{{name}}}")


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


def new_theorem(tex: Interpreter, token: str) -> None:
    """`\\newtheorem*{name}[like]{Title}[within]`: an environment with a number of its own."""
    starred = tex.star()
    name = tex.words(tex.argument())
    like = tex.optional()
    tex.argument()
    within = tex.optional()
    counter = tex.words(like) if like else name
    if not name or name in tex.environments:
        return
    if within:
        tex.counters.count_within(counter, tex.words(within))

    def begin(tex: Interpreter, token: str) -> None:
        breaking(tex, name)
        if not starred:
            tex.step(counter)

    tex.define(f"\\begin{{{name}}}", begin, globally=True)


def take(tex: Interpreter, arguments: str) -> None:
    """Take and drop arguments: `m` mandatory, `o` optional, `s` star, `a` in angle brackets."""
    for kind in arguments:
        match kind:
            case "m":
                tex.argument()
            case "o":
                tex.optional()
            case "a":
                tex.optional("<", ">")
            case _:
                tex.star()


# -- labels -------------------------------------------------------------------------------------------------------------


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


def environments() -> dict[str, Handler]:
    """Return the environments of this module by name."""
    lists = ("itemize", "enumerate", "description", "quote", "quotation", "verse", "proof", "compactitem", "compactenum",
             "list", "trivlist", "inparaenum", "asparaenum", "frontmatter")  # fmt: skip
    tables = {"tabular": "om", "tabular*": "mom", "tabularx": "mom", "tabulary": "mom", "tabbing": "", "tblr": "om",
              "algorithmic": "o"}  # fmt: skip
    skipped = ("comment", "filecontents", "filecontents*", "CCSXML", "thebibliography", "references", "bibdiv", "biblist",
               "keywords", "keyword", "IEEEkeywords", "acknowledgment*", "reference")  # fmt: skip
    inner = ("array", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "cases", "dcases",
             "rcases", "aligned", "alignedat", "gathered", "split", "multlined", "psmallmatrix", "bsmallmatrix")  # fmt: skip
    boxes = {"center": "", "flushleft": "", "flushright": "", "strip": "o", "minipage": "ooom", "mdframed": "o",
             "tcolorbox": "o", "framed": "", "figwindow": "o", "widetext": "", "multicols": "mo", "columns": "o",
             "column": "om", "frame": "aoom", "adjustwidth": "ommo", "subfigures": "", "graphicalabstract": "",
             "landscape": "", "longfigure": "", "titlepage": ""}  # fmt: skip
    return {
        "document": begin_document,
        "abstract": abstract,
        "Abstract": abstract,
        "onecolabstract": abstract,
        "appendix": lambda tex, name: (appendix(tex, ""), tex.begin(name, "text"))[0],
        "appendices": lambda tex, name: (appendix(tex, ""), tex.begin(name, "text"))[0],
        **dict.fromkeys(lists, breaking),
        **{name: partial(aside, arguments=arguments) for name, arguments in tables.items()},
        **dict.fromkeys(skipped, skip_environment),
        **dict.fromkeys(inner, passed_on),
        **{name: partial(box, arguments=arguments, breaks=True) for name, arguments in boxes.items()},
        **{name: partial(box, arguments=a) for name, a in (("adjustbox", "m"), ("threeparttable", "o"), ("turn", "m"))},
    }


COMMANDS: dict[str, Handler] = {
    **dict.fromkeys(
        ("\\input", "\\include", "\\subfile", "\\import", "\\subimport", "\\includefrom", "\\subincludefrom", "\\@input",
         "\\InputIfFileExists", "\\subfileinclude", "\\loadgeometry@input"),
        input_file,
    ),
    FILE_END: end_of_file,
    "\\endinput": lambda tex, token: tex.finish_file(),
    **dict.fromkeys(("\\usepackage", "\\RequirePackage"), use_package),
    **dict.fromkeys(("\\documentclass", "\\documentstyle"), document_class),
    **dict.fromkeys(("\\end{document}", "\\bye", "\\enddocument"), end_document),
    **dict.fromkeys(("\\begin", "\\end"), spelled_environment),
    **dict.fromkeys(
        ("\\part", "\\chapter", "\\section", "\\subsection", "\\subsubsection", "\\paragraph", "\\subparagraph",
         "\\addsec", "\\addchap", "\\paragraph@", "\\specialsection", "\\paragraphfont"),
        section,
    ),
    "\\@startsection": start_section,
    **dict.fromkeys(
        ("\\par", "\\maketitle", "\\newpage", "\\clearpage", "\\bigskip", "\\medskip", "\\smallskip", "\\endgraf",
         "\\cleardoublepage", "\\pagebreak", "\\printbibliography", "\\tableofcontents", "\\FloatBarrier"),
        paragraph_end,
    ),
    "\\appendix": appendix,
    "\\item": item,
    "\\label": label,
    **dict.fromkeys(("\\title", "\\Title", "\\icmltitle", "\\mlsystitle", "\\papertitle", "\\acmtitle"), title),
    **dict.fromkeys(("\\abstract", "\\Abstract", "\\abstracts"), abstract_command),
    **dict.fromkeys(("\\newtheorem", "\\spnewtheorem", "\\declaretheorem"), new_theorem),
    "\\excludecomment": exclude_comment,
    "\\bibliography": lambda tex, token: take(tex, "m"),
}  # fmt: skip

