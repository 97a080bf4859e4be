"""Commands that place an image file."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.arguments import commands, named, skip, take
from s1_mmalign.builder.formats.latex.events import Close, Drawn, Open, Picture
from s1_mmalign.builder.formats.latex.graphics import clean_name, parse_angle, parse_lengths, parse_options
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, spell


def picture(
    tex: Interpreter, asked: str, options: dict[str, str] | None = None, *, spare: bool = False,
    caption: list[Token] | None = None,
) -> None:  # fmt: skip
    """Note an image with the options of graphicx: trim, viewport (or bb), clip, angle, page."""
    options = options or {}
    asked = clean_name(asked)
    if not asked or tex.depth:  # a mark inside a caption or heading is no figure
        return
    path = tex.images.find(asked) or (tex.images.find(asked + options["ext"]) if "ext" in options else None)
    if spare and path is None:
        return
    box = options.get("viewport") or options.get("bb")
    page = options.get("page", "1")
    if page != "1" and tex.frames and tex.frames[-1].name == "picture":
        return  # Inkscape's `.pdf_tex` lays the pages of one file over each other
    tex.note(
        Picture(
            asked,
            path,
            trim=parse_lengths(options["trim"]) if "trim" in options else None,
            viewport=parse_lengths(box) if box else _corners(options),
            clip=options.get("clip", "false") not in ("false", "no"),
            angle=(parse_angle(options.get("angle", "0")) + tex.rotation) % 360.0,
            page=int(page) if page.isascii() and page.isdigit() and 0 < int(page[:6]) < 10_000 else 1,
            spare=spare,
            caption=caption,
            paragraph=len(tex.document.paragraphs),
        )
    )


def _corners(options: dict[str, str]) -> tuple[float, float, float, float] | None:
    """Return the box that psfig's `bbllx` … `bbury` give."""
    keys = ("bbllx", "bblly", "bburx", "bbury")
    return parse_lengths(" ".join(options[key] for key in keys)) if all(key in options for key in keys) else None


def include_graphics(tex: Interpreter, token: str) -> None:
    """`\\includegraphics*[options]{file}`, also with two corners as `[llx,lly][urx,ury]` and beamer's `<1->`."""
    clip = tex.star()
    take(tex, "a")
    first, second = tex.optional(), tex.optional()
    options = parse_options(_source(tex, first)) if first else {}
    if first is not None and second is not None:
        options = {"viewport": f"{_source(tex, first)} {_source(tex, second)}"}
    elif first is not None and options and all(key[0].isdigit() for key in options):
        options = {"viewport": f"0 0 {_source(tex, first)}"}  # `[urx,ury]` of the old graphics package
    if clip:
        options["clip"] = "true"
    picture(tex, tex.words(tex.argument()), options)


def _source(tex: Interpreter, tokens: list[Token]) -> str:
    """Return options as text, the author's macros expanded, braces kept."""
    return spell(tex.run(tokens))


def adjust_image(tex: Interpreter, token: str) -> None:
    """`\\adjustimage{options}{file}`."""
    options = parse_options(_source(tex, tex.argument()))
    picture(tex, tex.words(tex.argument()), options)


def postscript_figure(tex: Interpreter, token: str) -> None:
    """`\\psfig{file=a.eps,angle=-90,clip=}` and `\\epsfig`, which in old papers takes a bare name too."""
    take(tex, "so")
    text = _source(tex, tex.argument())
    options = parse_options(text)
    if options.get("clip") == "":
        options["clip"] = "true"
    if "rotate" in options:
        options.setdefault("angle", options["rotate"])
    name = options.get("file") or options.get("figure") or options.get("filename")
    picture(tex, name or (text if "=" not in text else ""), options)


def bare_postscript(tex: Interpreter, token: str) -> None:
    """`\\epsfbox[0 0 100 100]{a.eps}`, `\\epsffile`: also without braces."""
    box = tex.optional()
    options = {"viewport": spell(box)} if box else {}
    if tex.peek() == "{":
        picture(tex, tex.words(tex.argument()), options)
        return
    following = tex.peek()
    match = re.match(r"\s*(\S+?\.e?psf?)\b", following) if isinstance(following, str) else None
    if match:
        tex.items[-1] = following[match.end() :] or " "
        picture(tex, match[1], options)


def special(tex: Interpreter, token: str) -> None:
    """`\\special{psfile=a.ps hoffset=0}`."""
    match = re.search(r"(?:psfile|PSfile|epsfile)\s*=\s*\"?([^\s\",]+)", tex.words(tex.argument()))
    if match:
        picture(tex, match[1])


def plots(tex: Interpreter, token: str) -> None:
    """AASTeX's `\\plotone{a}`, `\\plottwo{a}{b}`, `\\plotfiddle{a}` and six numbers."""
    take(tex, "o")
    picture(tex, tex.words(tex.argument()))
    if token == "\\plottwo":
        picture(tex, tex.words(tex.argument()))
    elif token == "\\plotfiddle":
        take(tex, "mmmmmm")


def panel_figure(tex: Interpreter, token: str) -> None:
    """AASTeX's `\\fig{file}{width}{caption}`, `\\leftfig`, `\\rightfig`, `\\boxedfig`, `\\rotatefig{angle}{file}…`."""
    if tex.peek() != "{" or not tex.innermost("figure", "other", "box"):
        return
    angle = tex.words(tex.argument()) if token == "\\rotatefig" else "0"
    name = tex.words(tex.argument())
    take(tex, "m")
    picture(tex, name, {"angle": angle}, caption=tex.run(tex.argument()))


def include_standalone(tex: Interpreter, token: str) -> None:
    """`\\includestandalone[options]{name}`: the picture that was made of it, if it is there."""
    options = parse_options(_source(tex, tex.optional() or []))
    name = tex.words(tex.argument())
    if tex.images.find(name):
        picture(tex, name, options)
    else:
        tex.note(Drawn(name))


def include_pages(tex: Interpreter, token: str) -> None:
    """`\\includepdf[pages=3]{file}`: a figure only inside a float; elsewhere it appends pages."""
    options = parse_options(_source(tex, tex.optional() or []))
    name = tex.words(tex.argument())
    if tex.innermost("figure"):
        pages = re.match(r"\D*(\d+)", options.get("pages", ""))
        picture(tex, name, {**options, "page": pages[1] if pages else "1"})


def overpic(tex: Interpreter, name: str) -> None:
    """`\\begin{overpic}[options]{file}`: a picture with text put on it."""
    options = parse_options(_source(tex, tex.optional() or []))
    picture(tex, tex.words(tex.argument()), options)
    tex.begin(name, "aside", own_text=True)


def rotate_box(tex: Interpreter, token: str) -> None:
    """`\\rotatebox[origin=c]{90}{content}`: turns the pictures in it."""
    tex.optional()
    angle = parse_angle(tex.words(tex.argument()))
    if tex.peek() != "{":
        return
    outer = tex.rotation
    tex.rotation = (outer + angle) % 360.0

    def restore() -> None:
        tex.rotation = outer

    tex.after(["{", *tex.argument(), "}"], restore)


def graphics_path(tex: Interpreter, token: str) -> None:
    """`\\graphicspath{{a/}{b/}}`, `\\svgpath`."""
    tokens = tex.run(tex.argument())
    text = spell(tokens)
    folders = re.findall(r"\{([^{}]*)\}", text) or [text]
    tex.images.folders = [clean_name(folder) for folder in folders if clean_name(folder)]


def extensions(tex: Interpreter, token: str) -> None:
    """`\\DeclareGraphicsExtensions{.pdf,.png}`."""
    tex.images.declare_endings(tex.words(tex.argument()))


def boxed(tex: Interpreter, token: str) -> None:
    """`\\parbox[t]{width}{content}`: like a minipage."""
    take(tex, "ooom")
    content = tex.argument()
    tex.note(Open("box", token))
    tex.after(content, lambda: tex.note(Close()))


def animation(tex: Interpreter, token: str) -> None:
    """`\\animategraphics[options]{rate}{prefix}{first}{last}`: its first frame."""
    options = parse_options(_source(tex, tex.optional() or []))
    _, prefix, first, _ = (tex.words(tex.argument()) for _ in range(4))
    picture(tex, prefix + first, options)


COMMANDS: dict[str, Handler] = {
    **commands(
        "includegraphics includesvg includeinkscape pgfimage adjincludegraphics psfragfig pstool", include_graphics
    ),
    "\\adjustimage": adjust_image,
    **commands("psfig epsfig psfigure", postscript_figure),
    **commands("epsfbox epsffile epsf BoxedEPSF psbox", bare_postscript),
    "\\special": special,
    **commands("plotone plottwo plotfiddle", plots),
    **commands("fig leftfig rightfig boxedfig rotatefig", panel_figure),
    "\\includestandalone": include_standalone,
    "\\includepdf": include_pages,
    "\\animategraphics": animation,
    "\\rotatebox": rotate_box,
    "\\parbox": boxed,
    **commands("graphicspath svgpath", graphics_path),
    "\\DeclareGraphicsExtensions": extensions,
    **commands("figsetplot figsetnum figsettitle figsetgrpnum figsetgrptitle figsetgrpnote", skip("m")),
}
ENVIRONMENTS: dict[str, Handler] = named("overpic overpic* Overpic", overpic)
