"""`README.md` of a WebDataset export: what `load_dataset` has to know to lose no image.

Without it the columns are told by the first five rows, and where these are all PNG, every JPEG is dropped unseen.
"""

from __future__ import annotations

from collections.abc import Iterable

import yaml
from datasets import Features, Image, Json, Value

FEATURES = Features({
    "__key__": Value("string"), "__url__": Value("string"), "png": Image(), "jpg": Image(),
    "json": Json(), "txt": Value("string"),
})  # fmt: skip

_TEXT = """
# {rows:,} figures with their texts, as WebDataset

Each row is `<key>.png` or `<key>.jpg`, `<key>.json` (all columns) and `<key>.txt`. `index.json` lists the tars with
rows, bytes and sha256.

```python
from datasets import load_dataset
rows = load_dataset(".", "default", split="train", streaming=True)
for row in rows:
    image, text = row["png"] or row["jpg"], row["txt"]
```
```python
import json, webdataset
tars = [tar["path"] for tar in json.load(open("index.json"))["shards"] if tar["split"] == "train"]
rows = webdataset.WebDataset(tars).decode("pilrgb").to_tuple("png;jpg", "txt")
```
"""


def webdataset_card(groups: Iterable[tuple[str, str]], rows: int) -> str:
    """Return the card.

    Args:
        groups: the (source, split) pairs that there are tars of.
        rows: of all tars.
    """
    splits: dict[str, list[str]] = {}
    for source, split in sorted(groups):
        splits.setdefault(source, []).append(split)
    configs = [("default", "*", sorted({split for names in splits.values() for split in names}))]
    configs += [(source, source, names) for source, names in splits.items()]
    features = FEATURES._to_yaml_list()
    head = {
        "configs": [
            {
                "config_name": name,
                "data_files": [{"split": split, "path": f"{place}/{split}-*.tar"} for split in names],
            }
            for name, place, names in configs
        ],
        "dataset_info": [{"config_name": name, "features": features} for name, _, _ in configs],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n{_TEXT.format(rows=rows)}"
