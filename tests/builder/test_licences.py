"""What class a licence has, however it is written."""

from __future__ import annotations

import json

import pytest

from s1_mmalign.builder.licences import TABLE, licence_class
from s1_mmalign.builder.records import LICENCE_CLASSES

CASES: dict[str, list[str | None]] = {
    "open": [
        "http://creativecommons.org/licenses/by/4.0/",
        "https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "https://creativecommons.org/publicdomain/mark/1.0",
        "http://creativecommons.org/licenses/publicdomain/",
        "CC-BY-4.0", "CC BY 4.0", "CC-BY-SA-4.0", "CC0-1.0", "cc_by", "cc0", "CCBY",
        "CC-BY-4.0 (eLife article; licence element stripped in this copy)",
        "MIT", "MIT (repository)", "Apache-2.0", "Apache License, Version 2.0", "BSD-3-Clause", "Unlicense",
        "Unlicense (repository)", "LPPL-1.3c", "https://opensource.org/licenses/MIT",
        "This is an open access article distributed under the terms of the Creative Commons Attribution License, which "
        "permits unrestricted use, distribution, and reproduction in any medium.",
        "This article is licensed under a Creative Commons Attribution 4.0 International License.",
        "It is made available under a CC-BY 4.0 International license.",
        "Attribution 4.0 International",
        "Attribution-ShareAlike 4.0 International",
        "The copyright holder has placed this preprint in the Public Domain. It is no longer restricted by copyright.",
        "This article is a US Government work. It is not subject to copyright under 17 USC 105 and is also made "
        "available for use under a CC0 license.",
        "© 2020 The Authors. All rights reserved. Open access under a CC BY licence.",
        "Creative Commons Attribution License: for commercial and non-commercial purposes",
    ],
    "noncommercial": [
        "http://creativecommons.org/licenses/by-nc/4.0/",
        "https://creativecommons.org/licenses/by-nc-nd/4.0/",
        "http://creativecommons.org/licenses/by-nc-sa/4.0/",
        "CC-BY-NC-4.0", "cc_by_nc_nd", "CC BY-NC-ND", "CC BY NC",
        "It is made available under a CC-BY-NC-ND 4.0 International license .",
        "distributed under the terms of the Creative Commons Attribution Non-Commercial License",
        "Attribution‑NonCommercial 4.0 International",
        "which permits unrestricted non-commercial use, distribution, and reproduction in any medium",
        "http://www.elsevier.com/open-access/userlicense/1.0/",
    ],
    "restricted": [
        "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
        "http://arxiv.org/licenses/assumed-1991-2003/",
        "arXiv.org - Non-exclusive license to distribute",
        "http://creativecommons.org/licenses/by-nd/3.0/",
        "CC-BY-ND-4.0", "cc_by_nd", "cc_no",
        "Creative Commons Attribution-NoDerivs License",
        "The copyright holder for this preprint is the author/funder. No reuse allowed without permission.",
        "© 2020 The Authors. All rights reserved.",
        "The material may not be redistributed, re-used or adapted without the author's permission.",
        "No part may be reproduced without the written permission of the publisher",
    ],
    "unknown": [None, "", "  ", "Open Access", "other-oa", "a Creative Commons license", "MIT Press", "commitment",
                "© 2022, Posted by Cold Spring Harbor Laboratory"],
}  # fmt: skip


@pytest.mark.parametrize(("expected", "licence"), [(kind, text) for kind, texts in CASES.items() for text in texts])
def test_the_class_is_told_by_address_id_or_words(expected: str, licence: str | None) -> None:
    assert licence_class(licence) == expected


def test_of_several_codes_the_strictest_counts() -> None:
    assert licence_class("Text under CC BY 4.0, figures under CC BY-NC 4.0") == "noncommercial"


def test_the_table_names_known_classes_only() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert {rule["class"] for rule in table["rules"]} <= set(LICENCE_CLASSES)
