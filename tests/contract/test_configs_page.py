"""docs/configs.md names every key that is read or ignored with a warning. The template shows those that are read."""

import re
from pathlib import Path

from backfleet.configs import axes, converting, criteria, data, lean, strategies

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"(?ms)^```.*?^```$", "", (ROOT / "docs" / "configs.md").read_text())
TEMPLATE = (ROOT / "configs" / "optimizations" / "template.yaml").read_text()
NAMED = set(re.findall(r"[A-Za-z_-]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
SECTIONS = (converting.TOP, converting.OPTIMIZATION, strategies.KEYS, data.KEYS, criteria.KEYS, axes.KEYS)
# Synonyms. The page leaves them out; errors and warnings name them.
SYNONYMS = {
    "min_sharpe_ratio",
    "min_comparable_sharpe_ratio",
    "min_comparable_sortino_ratio",
    "max_fee_pct",
    "fee_model",
}


def test_every_key_that_is_read_is_named() -> None:
    assert {key for keys in SECTIONS for key in keys.known} - SYNONYMS <= NAMED


def test_every_key_that_is_ignored_with_a_warning_is_named() -> None:
    assert {key for keys in SECTIONS for key in keys.told} | set(converting.TOP.others) <= NAMED | SYNONYMS


def test_every_key_of_leans_that_is_read_is_named() -> None:
    assert set(lean.READ) | set(lean.OURS) - {"start_date", "end_date"} <= NAMED


def test_the_template_shows_what_is_read() -> None:
    shown = set(re.findall(r"^\s*([a-z_]+):|\{?([a-z_]+):", TEMPLATE, re.MULTILINE))
    words = {word for pair in shown for word in pair if word}
    wanted = {*converting.OPTIMIZATION.known, *strategies.KEYS.known, *criteria.KEYS.known} - SYNONYMS
    assert wanted <= words
