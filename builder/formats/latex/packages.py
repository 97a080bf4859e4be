"""Which style files of a package are the author's own macros, and which are copies of well-known ones."""

from __future__ import annotations

import posixpath
import re

from s1_mmalign.builder.formats.latex.symbols import words

_KNOWN = frozenset(
    words(
        "aas_macros aasjournal aastex acl acronym algorithm algorithm2e algorithmic algorithmicx algpseudocode amsmath "
        "amssymb amsthm apacite appendix array authblk authordate axodraw axodraw2 babel balance bbm blindtext bm "
        "booktabs breakurl caption caption2 caption3 citation cite citesort cleveref colortbl comment csquotes dcolumn "
        "deluxetable diagrams doublespace dsfont enumitem epsf epsfig epstopdf eso etoolbox eufrak fancyhdr fancyvrb "
        "feynmf feynmp float floatflt floatrow fontawesome footmisc fullpage geometry glossaries graphics graphicx "
        "harvard here hypcap hyperref ifpdf ifthen indentfirst inputenc jcappub JHEP3 jheppub latexsym lineno lipsum "
        "listings longtable lscape makecell mathrsfs mathtools mciteplus mdframed mhchem microtype minted multicol "
        "multirow nameref natbib nicefrac orcidlink overpic pdflscape pgf pgfplots pic picinpar picins placeins psfig "
        "psfrag pstricks rotate rotating savetrees scicite setspace showyourwork sidecap siunitx slashbox slashed soul "
        "spconf spie standalone stfloats subcaption subfig subfigure supertabular tabularx tabulary tcolorbox textcomp "
        "textpos threeparttable tikz times titlesec titling tocloft todonotes tweaklist twoside ulem units upgreek url "
        "verbatim wrapfig xargs xcolor xr xspace xstring xy youngtab"
    )
)
_KNOWN_BEGINNINGS = re.compile(
    r"(?:neurips|nips|icml|iclr|cvpr|iccv|eccv|wacv|bmvc|acl|emnlp|naacl|eacl|coling|aaai|ijcai|aistats|uai|corl|colm|"
    r"tmlr|jmlr|arxiv|interspeech|icassp|ismir|revtex|apj|pnas|elsart|svjour|llncs|ieee|acm|imsart|pos|jinst|epj|rsc|nature|"
    r"wiley|mdpi|frontiers|aip|osa|tikz|pgf|diagbox|glyphtounicode|algor)",
    re.IGNORECASE,
)


def is_worth_reading(path: str) -> bool:
    """Whether a style file is likely to hold macros that the paper's text uses."""
    stem = posixpath.splitext(posixpath.basename(path))[0]
    return stem not in _KNOWN and not _KNOWN_BEGINNINGS.match(stem)


_MACRO_FILES = frozenset(
    words(
        "epsf psfig epsfig psfrag axodraw axodraw2 feynman harvmac jytex phyzzx amstex amssym xypic xyall pictex "
        "picins texdraw txsmac mssymb rotate aasms mn"
    )
)


def is_macro_file(path: str) -> bool:
    """Whether a file is a copy of old TeX macros that papers ship, by whatever ending it is called."""
    return posixpath.splitext(posixpath.basename(path))[0].lower() in _MACRO_FILES
