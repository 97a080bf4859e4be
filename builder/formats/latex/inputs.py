"""Files: those that a paper reads in, its packages, and where the document begins and ends."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import commands
from s1_mmalign.builder.formats.latex.crossrefs import environment, push_source
from s1_mmalign.builder.formats.latex.events import Drawn
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.packages import is_macro_file, is_worth_reading
from s1_mmalign.builder.formats.latex.tokens import FILE_END, MARKS, Token, prepare, spell

_DVIPS_ENDINGS = ".eps,.ps"
"""What the package graphics looks for with its option `dvips` (dvips.def)."""
_SETS_FIGURES = b"\\begin{figure"
"""What is in a class that gives its authors commands for figures; no other class is read."""
_DRAWING_ENDINGS = (".pgf", ".tikz", ".pstricks", ".eepic", ".epic")


def input_file(tex: Interpreter, token: str) -> None:
    """`\\input{name}`, `\\input name`, `\\include`, `\\subfile`, `\\InputIfFileExists{name}{yes}{no}`…"""
    folder = tex.words(tex.argument()) if "import" in token or token.startswith("\\subi") else None
    name = tex.words(tex.argument()) if folder is not None or tex.peek() == "{" else _bare_name(tex)
    branches = (tex.argument(), tex.argument()) if token == "\\InputIfFileExists" else ([], [])
    if token == "\\include" and tex.included_only and name not in tex.included_only:
        return
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
        tex.note(Drawn(path, _by_file(tex, path), path))
        return True
    if is_macro_file(path):
        return True
    source = tex.files.text_of(path)
    if source is None or (package and not is_worth_reading(path)):
        return False
    if "\\begin{pgfpicture}" in source:
        tex.note(Drawn(path, _by_file(tex, path), path))
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


def _by_file(tex: Interpreter, path: str) -> str:
    """Return the code that draws what a file of TikZ or PGF holds, as seen from the main file's folder."""
    if not path.lower().endswith((".pgf", ".tikz", ".tex")) or "{" in path or "}" in path:
        return ""
    folder = f"{tex.files.folder}/" if tex.files.folder else ""
    return f"\\input{{{path.removeprefix(folder)}}}" if path.startswith(folder) else ""


def end_of_file(tex: Interpreter, token: str) -> None:
    """An input file has been read to its end."""
    if tex.file_ends:
        tex.file_ends.pop()()


def use_package(tex: Interpreter, token: str) -> None:
    """`\\usepackage[options]{names}`: the author's own, shipped with the paper, are read for their macros."""
    options = tex.words(tex.optional() or [])
    names = [name.strip() for name in tex.words(tex.argument()).split(",")]
    if "dvips" in options and not tex.in_package and not tex.images.declared:
        tex.images.declare_endings(_DVIPS_ENDINGS)
    tex.package_names.update(names)
    for name in reversed(names):
        path = tex.files.find(name, (".sty",))
        if path and is_worth_reading(path):
            _read_file(tex, path, package=True)


def document_class(tex: Interpreter, token: str) -> None:
    """`\\documentclass[options]{name}`."""
    options = tex.words(tex.optional() or [])
    name = tex.words(tex.argument())
    if token == "\\documentstyle" or "dvips" in options.split(","):
        tex.images.declare_endings(_DVIPS_ENDINGS)
    if len(tex.files.open_files) == 1:
        tex.document_class = name
        tex.counters.use_class(name)
        path = tex.files.find(name, (".cls",))
        if path and is_worth_reading(path) and _SETS_FIGURES in tex.files.archive.read(path):
            _read_file(tex, path, package=True)


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
        tex.commands.get(spelled, environment)(tex, spelled)
    elif token == "\\end" and not tex.document_class:
        end_document(tex, token)


def job_name(tex: Interpreter, token: str) -> None:
    """`\\jobname`: the main file's name without its ending."""
    tex.emit(tex.files.open_files[0].rpartition("/")[2].rpartition(".")[0])


def include_only(tex: Interpreter, token: str) -> None:
    """`\\includeonly{a,b}`: no other file is included."""
    tex.included_only = {name.strip() for name in tex.words(tex.argument()).split(",")}


COMMANDS: dict[str, Handler] = {
    **commands("input include subfile subfileinclude import subimport includefrom subincludefrom @input", input_file),
    "\\InputIfFileExists": input_file,
    FILE_END: end_of_file,
    "\\includeonly": include_only,
    "\\jobname": job_name,
    "\\endinput": lambda tex, token: tex.finish_file(),
    **commands("usepackage RequirePackage", use_package),
    **commands("documentclass documentstyle", document_class),
    **commands("end{document} bye enddocument", end_document),
    **commands("begin end", spelled_environment),
}
ENVIRONMENTS: dict[str, Handler] = {"document": begin_document}
