"""`s1-mmalign reproduce`: the recorded recipe run again, and held against what the dataset holds.

recorded.py      what is recorded: a folder, its card, or a repository
options.py       recorded options -> the stages' dataclasses; what `--option` changes
inputs.py        the recorded inputs, found and held against their hashes
versions.py      code and libraries, then and now
build_stage.py, caption_stage.py, report_stage.py, card_stage.py    a stage run and compared, each
given.py         what a stage needs that is taken from the dataset as it is
run.py           one stage after the other
check.py         `--check-only`    plan.py    `--plan`
outcome.py       what is said of a stage
"""
