"""The card loads everywhere, its numbers are those of the data, and no paper can write into it."""

import json
import re
import subprocess
import sys
import textwrap

import pytest
import yaml
from huggingface_hub import DatasetCard

from s1_mmalign.builder.records import DISCIPLINES, DROP_REASONS, FEATURES, LICENCE_CLASSES, SOURCES
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.dataset_card import descriptions
from s1_mmalign.dataset_card.card import CardOptions, write_card
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
from tests.dataset_card.small_dataset import ARXIV, CC_BY, default_rows, make_folder, recaptioned, row


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "dataset")


def elsewhere(code, tmp_path, *arguments, guard=True):
    """Run code in a process that (with `guard`) knows nothing of this project, offline, with a cache of its own."""
    check = "\nimport sys\nassert not any(name.startswith('s1_mmalign') for name in sys.modules)\n" if guard else ""
    environment = {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code) + check, *map(str, arguments)],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def body(folder):
    return write_card(folder).read_text(encoding="utf-8").split("\n---\n", 1)[1]


def section(folder, title):
    return re.split(r"^## ", body(folder).split(f"## {title}\n", 1)[1], flags=re.MULTILINE)[0]


def cells(text, first):
    """The cells of the table row that begins with `first`."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_datasets_loads_every_config_streaming_and_not_without_this_project(folder, tmp_path):
    write_card(folder)
    printed = elsewhere(
        """
        import json, sys
        from datasets import ClassLabel, Image, List, Value, get_dataset_config_names, load_dataset
        folder, seen = sys.argv[1], {}
        for name in [None, *get_dataset_config_names(folder)]:
            for streaming in (False, True):
                data = load_dataset(folder, name, streaming=streaming)
                paths = []
                for split, rows in data.items():
                    features = rows.features
                    assert features["image"] == Image(), features["image"]
                    assert features["categories"] == List(Value("string")), features["categories"]
                    assert isinstance(features["source"], ClassLabel) and features["source"].names[1] == "biorxiv"
                    for row in rows:
                        assert row["image"].size == (row["width"], row["height"])
                        assert row["caption"].startswith("Caption of figure")
                        paths.append(split + ":" + row["image_path"])
                seen[f"{name} {streaming}"] = sorted(paths)
        print(json.dumps(seen))
        """,
        tmp_path,
        folder,
    )
    seen = json.loads(printed)
    assert set(seen) == {
        f"{name} {mode}" for name in (None, "default", "arxiv", "biorxiv", "open") for mode in (0 > 1, 1 > 0)
    }
    expected = {}
    for number, one in enumerate(default_rows()):
        path = f"{'test' if number % 5 == 4 else 'train'}:{one['image_path']}"
        for name in ("None", "default", SOURCES[one["source"]], *(["open"] if one["licence_class"] == 0 else [])):
            expected.setdefault(name, []).append(path)
    for key, paths in seen.items():
        assert paths == sorted(expected[key.split()[0]]), key


def test_every_example_on_the_card_runs_as_it_stands(folder, tmp_path):
    make_folder(folder, [recaptioned(one) for one in default_rows()])
    examples = re.findall(r"```python\n(.*?)```", body(folder), flags=re.DOTALL)
    assert all("path/to/this/folder" in example for example in examples)
    own = [example for example in examples if "s1_mmalign" in example]
    assert (len(examples), len(own)) == (7, 2)
    plain = "\n".join(example for example in examples if example not in own)
    elsewhere(plain.replace("path/to/this/folder", str(folder)), tmp_path)
    pytest.importorskip("torchdata", reason="torchdata is not installed")
    ours = "\n".join(own).replace("path/to/this/folder", str(folder)) + "\nassert len(batch) == len(texts) == 16\n"
    elsewhere(ours, tmp_path, guard=False)


def test_the_examples_name_the_repository_that_the_options_name(folder):
    text = write_card(folder, CardOptions(repo_id="me/figures")).read_text(encoding="utf-8")
    assert 'load_dataset("me/figures", "arxiv"' in text
    assert 'training_stream("me/figures"' in text
    assert "path/to" not in text


def test_the_hub_reads_the_yaml(folder):
    data = DatasetCard.load(write_card(folder)).data.to_dict()
    assert [config["config_name"] for config in data["configs"]] == ["default", "arxiv", "biorxiv", "open"]
    assert [config.get("default") for config in data["configs"]] == [True, None, None, None]
    assert data["configs"][1]["data_files"] == [
        {"split": "train", "path": "data/arxiv/*/train-*.parquet"},
        {"split": "test", "path": "data/arxiv/*/test-*.parquet"},
    ]
    assert (data["size_categories"], data["language"]) == (["n<1K"], ["en"])
    assert "physics" in data["tags"]
    default = data["dataset_info"][0]
    assert [(split["name"], split["num_examples"]) for split in default["splits"]] == [("train", 16), ("test", 4)]
    assert default["download_size"] == sum(shard.bytes for shard in Manifest.load(folder).shards)
    assert [feature["name"] for feature in default["features"]] == list(FEATURES)


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ([CC_BY, "CC-BY-4.0"], {"license": "cc-by-4.0"}),
        ([CC_BY, "https://creativecommons.org/licenses/by/3.0/"], {"license": "other", "license_name": "per-row-open"}),
        ([CC_BY, ARXIV], {"license": "other", "license_name": "per-row-open-restricted"}),
        (["CC0"], {"license": "cc0-1.0"}),
        ([None], {"license": "other", "license_name": "per-row-unknown"}),
    ],
)  # fmt: skip
def test_the_licence_follows_from_the_rows(tmp_path, licences, expected):
    kinds = {ARXIV: "restricted", None: "unknown"}
    rows = [
        row(number, licence=licence, licence_class=LICENCE_CLASSES.index(kinds.get(licence, "open")))
        for number, licence in enumerate(licences * 2)
    ]
    data = DatasetCard.load(write_card(make_folder(tmp_path, rows))).data.to_dict()
    assert {key: value for key, value in data.items() if key.startswith("license")} == expected


def test_counts_are_those_of_the_rows(folder):
    counts = section(folder, "What is in it")
    assert cells(counts, "`arxiv`") == ["12", "10", "2", "12"]
    assert cells(counts, "`biorxiv`") == ["4", "6", "2", "8"]
    assert cells(counts, "all") == ["16", "16", "4", "20"]
    assert cells(counts, "`Biology`") == ["2", "10.0 %"]
    assert cells(counts, "not known") == ["2", "10.0 %"]
    assert cells(counts, "`open`")[:2] == ["10", "50.0 %"]
    columns = section(folder, "The row")
    assert cells(columns, "`citation_contexts`")[1] == "75.0 %"
    assert cells(columns, "`doi`")[1] == "40.0 %"
    assert cells(columns, "`recaption_flags`")[1] == "0.0 %"
    assert set(re.findall(r"^\| `(\w+)` \|", columns, flags=re.MULTILINE)) == set(FEATURES)


def test_the_funnel_adds_up_and_every_drop_is_counted_by_reason(folder):
    funnel = section(folder, "From papers to rows")
    assert [cells(funnel, name)[0] for name in ("papers in", "papers with rows", "papers dropped")] == ["18", "16", "2"]
    assert cells(funnel, "`no_figures`")[:2] == ["1", "0"]
    assert cells(funnel, "`image_missing`")[:2] == ["0", "1"]


def test_caption_lengths_are_those_of_the_captions(tmp_path):
    rows = [row(number, caption="x" * length) for number, length in enumerate((10, 20, 30, 100))]
    lengths = section(make_folder(tmp_path, rows), "Captions")
    assert cells(lengths, "raw `caption`") == ["4", "40.0 ± 35.4", "88.4 %", "10", "20", "100"]
    assert "No row has a recaption yet" in lengths


def test_the_card_says_what_wrote_the_recaptions_and_that_extractive_is_no_model(folder):
    rows = default_rows()
    rows[:8] = [recaptioned(one) for one in rows[:8]]
    rows[8:13] = [
        recaptioned(one, "extractive", recaption_prompt=None, recaption_finish_reason=None) for one in rows[8:13]
    ]
    rows[0]["recaption_flags"] = ["repetition"]
    make_folder(folder, rows)
    captions = section(folder, "Captions")
    assert cells(captions, "`tiny/model`") == ["`dense-v1`", "8", "40.0 %"]
    assert cells(captions, "`extractive`") == ["not known", "5", "25.0 %"]
    assert cells(captions, "no recaption") == ["–", "7", "35.0 %"]
    assert cells(captions, "`repetition`") == ["1", "5.0 %"]
    assert "**5 recaptions are extractive.** No model looked at these figures" in captions
    assert "synthetic" in DatasetCard.load(folder / "README.md").data.tags
    make_folder(folder)
    assert "extractive" not in section(folder, "Captions")
    assert "synthetic" not in DatasetCard.load(folder / "README.md").data.tags


def test_the_card_shows_the_report_and_says_what_was_not_measured(folder):
    assert "Not measured" in section(folder, "Quality")
    make_folder(folder, [recaptioned(one) for one in default_rows()])
    evaluate_dataset(folder, EvaluateOptions(clip_model=None, perplexity_model=None, resamples=20, plots=False))
    quality = section(folder, "Quality")
    assert "measured on 20 rows of 16 papers" in quality
    assert cells(quality, "length, characters")[0] == "20"
    assert re.search(r"\| 4-grams that are not the paper's \| 20 \| .* \| .* % \[.*, .*\] \|", quality)  # its interval
    assert "recaption, cut: relative change [95 %]" in quality  # the controls
    assert "recaption, another paper" in quality
    assert "CLIPScore: not measured" in quality
    assert "have changed since" not in quality
    make_folder(folder, [recaptioned(one, "other/model") for one in default_rows()])
    assert "have changed since" in section(folder, "Quality")


def test_a_report_of_another_shape_is_named(folder):
    (folder / "report.json").write_text('{"lengths": 3}')
    with pytest.raises(FolderError, match=r"report\.json.*evaluate"):
        write_card(folder)


def test_the_card_is_written_anew_after_later_stages_and_keeps_what_it_was_told(folder):
    write_card(folder, CardOptions("My figures", contact="figures@example.org"))
    record_stage(folder, "build", {"timeout_s": 9}, {"rows": 20})
    text = write_card(folder).read_text(encoding="utf-8")
    assert "# My figures" in text
    assert "to `figures@example.org`" in text
    assert '"timeout_s": 9' in section(folder, "How it was made")
    assert "### card" not in text


def test_equal_folders_give_equal_cards(tmp_path):
    first, second = (write_card(make_folder(tmp_path / name)).read_bytes() for name in ("a", "elsewhere"))
    assert first == second


def test_no_text_of_a_paper_becomes_markup(tmp_path):
    evil = "x` | <script>alert(1)</script>\n---\nlicense: mit\n```\n# heading\n\u202e[a](javascript:b) {{ 7*7 }}"
    changes = dict.fromkeys(("caption", "title", "abstract", "licence", "paper_id", "recaption_model"), evil)
    rows = [
        recaptioned(row(number, **(changes | {"image_path": f"arxiv/{evil}/{number}"})), evil) for number in range(3)
    ]
    rows[0]["recaption_flags"] = rows[0]["citation_contexts"] = [evil]
    folder = make_folder(tmp_path, rows)
    record_stage(folder, "recaption", {"prompt": evil}, {})
    text = write_card(folder).read_text(encoding="utf-8")
    assert DatasetCard.load(folder / "README.md").data.license == "other"
    outside = re.sub(r"^```\w*\n.*?^```$", "", text.split("\n---\n", 1)[1], flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"`[^`\n]*`", "", outside)
    for part in ("<script", "javascript", "# heading", "49", "\u202e"):
        assert part not in outside, part
    assert "\u202e" not in text
    assert len(re.findall("^---$", text, flags=re.MULTILINE)) == 2


def test_a_dataset_without_rows_still_has_a_card_that_says_why(tmp_path):
    folder = make_folder(tmp_path, [])
    text = write_card(folder).read_text(encoding="utf-8")
    assert "configs" not in yaml.safe_load(text.split("---")[1])
    assert cells(text, "papers dropped")[0] == "2"


def test_a_folder_that_is_no_dataset_says_what_to_run(tmp_path):
    with pytest.raises(FolderError, match="s1-mmalign build"):
        write_card(tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_column_reason_and_class_has_its_words():
    assert set(descriptions.COLUMNS) == set(FEATURES)
    assert set(descriptions.DROPS) == set(DROP_REASONS)
    assert set(descriptions.LICENCE_CLASSES) == set(LICENCE_CLASSES)
    assert len(DISCIPLINES) == 9
