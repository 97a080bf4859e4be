"""The words of JATS: plain Unicode, formulas as TeX between dollars, citations as `[]`."""

from __future__ import annotations

import pytest
from lxml import etree

from s1_mmalign.builder.formats.jats_math import mathml_to_tex, tex_of
from s1_mmalign.builder.formats.jats_text import plain_text


def text(inner: str) -> str:
    return plain_text(etree.fromstring(f'<p xmlns:mml="http://www.w3.org/1998/Math/MathML">{inner}</p>'))


def tex(inner: str) -> str:
    return mathml_to_tex(etree.fromstring(f'<math xmlns="http://www.w3.org/1998/Math/MathML">{inner}</math>'))


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("a <italic>b</italic>\n   <bold>c</bold>d", "a b cd"),
        ("5&#160;&#181;m, soft&#173;hyphen&#8203;", "5 µm, softhyphen"),
        ("one<break/>two", "one two"),
        ("10<sup>−5</sup> M CO<sub>2</sub>", "10⁻⁵ M CO₂"),
        ("1<sup>st</sup>, V<sub>max</sub>", "1st, Vmax"),
        ("a<!-- not this -->b<?nor this?>c", "abc"),
        ("see<list><list-item><p>one</p></list-item><list-item><p>two</p></list-item></list>", "see one two"),
        ("text<fn><p>a footnote</p></fn> goes on<xref ref-type='fn'>*</xref>", "text goes on"),
        ("a <xref ref-type='table' rid='t'>Table 1</xref> b", "a Table 1 b"),
        ("with <inline-graphic/>dots and <ext-link>a link</ext-link>", "with dots and a link"),
    ],
)
def test_markup_becomes_plain_text(markup: str, plain: str) -> None:
    assert text(markup) == plain


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("(<xref ref-type='bibr' rid='r'>Ito, 2014</xref>; <xref ref-type='bibr'>Foo, 2015</xref>)", "([])"),
        ("known [<xref ref-type='bibr'>1</xref>, <xref ref-type='bibr'>2</xref>].", "known []."),
        ("known<sup><xref ref-type='bibr'>1</xref>–<xref ref-type='bibr'>3</xref></sup>.", "known []."),
        ("known<xref ref-type='bibr'><sup>1</sup></xref>.", "known []."),
        ("first [<xref ref-type='bibr'>1</xref>] and then [<xref ref-type='bibr'>2</xref>]", "first [] and then []"),
        ("an interval [0, 1]", "an interval [0, 1]"),
    ],
)
def test_citations_become_brackets_one_for_a_run(markup: str, plain: str) -> None:
    assert text(markup) == plain


def test_tex_goes_before_mathml_and_pictures_of_a_formula() -> None:
    forms = (
        "<inline-formula><alternatives><inline-graphic/><mml:math><mml:mi>y</mml:mi></mml:math>"
        r"<tex-math>\documentclass{minimal}\usepackage{amsmath}\begin{document}$$\alpha_{i}$$\end{document}</tex-math>"
        "</alternatives></inline-formula>"
    )
    assert text(f"where {forms} is") == r"where $\alpha_{i}$ is"


def test_a_formula_that_is_only_text_or_only_a_picture() -> None:
    assert text("if <inline-formula><italic>n</italic> = 2</inline-formula>") == "if n = 2"
    assert text("if <inline-formula><inline-graphic/></inline-formula> then") == "if then"


def test_mathml_stands_between_dollars() -> None:
    assert text("<mml:math><mml:mi>x</mml:mi><mml:mo>≤</mml:mo><mml:mn>3</mml:mn></mml:math>") == r"$x\leq 3$"


@pytest.mark.parametrize(
    ("source", "inner"),
    [
        ("$x$", "x"),
        (r"\(x\)", "x"),
        (r"\[ x \]", "x"),
        ("$$ x $$", "x"),
        (r"\begin{equation*}x\end{equation*}", "x"),
        (r"\documentclass{a}\begin{document}\begin{equation}x + y\end{equation}\end{document}", "x + y"),
        (r"\begin{aligned}x\end{aligned}", r"\begin{aligned}x\end{aligned}"),
        ("", ""),
    ],
)
def test_tex_math_loses_its_document_and_delimiters(source: str, inner: str) -> None:
    assert tex_of(source) == inner


@pytest.mark.parametrize(
    ("mathml", "expected"),
    [
        ("<msub><mi>x</mi><mi>i</mi></msub>", "x_i"),
        ("<msup><mi>x</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msup>", "x^{n+1}"),
        ("<msubsup><mi>σ</mi><mi>i</mi><mn>2</mn></msubsup>", r"\sigma_i^2"),
        ("<mfrac><mi>a</mi><mi>b</mi></mfrac>", r"\frac{a}{b}"),
        ("<msqrt><mi>a</mi><mo>−</mo><mi>b</mi></msqrt>", r"\sqrt{a-b}"),
        ("<mroot><mi>a</mi><mn>3</mn></mroot>", r"\sqrt[3]{a}"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", r"\bar{x}"),
        ("<mover><mi>x</mi><mo>→</mo></mover>", r"\vec{x}"),
        ("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover>", r"\sum_i^n"),
        ("<munder><mi>lim</mi><mi>n</mi></munder>", r"\lim_n"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a,b)"),
        ("<mi>log</mi><mi>x</mi>", r"\log x"),
        ("<mi>FRET</mi>", r"\mathrm{FRET}"),
        ("<mi>Δ</mi><mi>λ</mi><mi>ω</mi>", r"\Delta \lambda \omega"),
        ("<mi>𝑥</mi><mo>=</mo><mn>0.5</mn>", "x = 0.5"),
        ("<mi mathvariant='bold'>v</mi>", r"\mathbf{v}"),
        ("<mtext>if  so</mtext>", r"\text{if so}"),
        ("<mn>5</mn><mo>%</mo>", r"5\%"),
        ("<msup><mi>f</mi><mo>′</mo></msup>", "f'"),
        ("<msup><mrow><mi>a</mi><mi>b</mi></mrow><mn>2</mn></msup>", "{ab}^2"),
        ("<mi>a</mi><mo>&#x2062;</mo><mi>b</mi>", "ab"),
        ("<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mi>z</mi></mtd></mtr></mtable>",
         r"\begin{matrix} 1 & z \end{matrix}"),
        ("<semantics><mi>y</mi><annotation encoding='application/x-tex'>z</annotation></semantics>", "z"),
        ("<semantics><mi>y</mi><annotation encoding='MathType'>junk</annotation></semantics>", "y"),
        ("<mfrac><mi>a</mi></mfrac>", "a"),
        ("<unknown><mi>q</mi></unknown>", "q"),
    ],
)  # fmt: skip
def test_mathml_is_spelled_as_tex(mathml: str, expected: str) -> None:
    assert tex(mathml) == expected


def test_deep_nesting_keeps_its_letters() -> None:
    assert tex("<mrow>" * 200 + "<mi>x</mi>" + "</mrow>" * 200) == "x"
    assert text("<italic>" * 200 + "x" + "</italic>" * 200) == "x"
