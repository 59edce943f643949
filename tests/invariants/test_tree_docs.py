"""What the docs mirror is generated, or compared here: an undocumented code, metric, command or file is a failure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from krawall import errors
from krawall.cli import reference
from krawall.cli.main import COMMANDS, EPILOGUE
from krawall.conduct import validity
from krawall.metrics import verdict
from krawall.metrics.catalog import METRICS

WRITTEN = reference.generate()
PAGES = sorted(WRITTEN)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)  # `page` is a fixture of the browser's plugin
def test_the_reference_is_what_the_code_says(name, root):
    committed = (root / "docs/reference" / name).read_text(encoding="utf-8")
    assert committed == WRITTEN[name], "run `make docs`"


def test_the_reference_holds_generated_pages_only(root):
    assert sorted(path.name for path in (root / "docs/reference").iterdir()) == PAGES


def test_exit_codes_of_the_code_are_those_of_the_docs(root):
    ours = {cls.exit_code for cls in _errors(errors.KrawallError)}
    codes = ours | set(verdict.STOPPED.values()) | set(verdict._FAILING.values()) | {0, 31}
    assert codes == set(reference.EXIT_CODES)
    guide = (root / "docs/guide/exit-codes.md").read_text(encoding="utf-8")
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)}
    assert codes == {int(code) for code in re.findall(r"\b(\d+)\b", EPILOGUE)}


def test_error_codes_are_documented_and_unique_enough(root):
    page = (root / "docs/reference/errors.md").read_text(encoding="utf-8")
    tree = _errors(errors.KrawallError)
    assert [cls.__name__ for cls in tree if f"| `{cls.__name__}` | `{cls.code}` |" not in page] == []
    assert len({cls.code for cls in tree}) == len(tree)


def test_every_metric_is_documented(root):
    page = (root / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"| `{name}` |" not in page] == []


def test_the_limits_of_validity_are_those_that_the_docs_name(root):
    row = re.compile(r"^\| .* \| ([^|]+) \|$", re.MULTILINE)
    page = (root / "docs/measurement.md").read_text(encoding="utf-8")
    limits = row.findall(page.partition("| sign |")[2].partition("\n\n")[0])
    assert limits == [
        f"p99 above {validity.LOOP_LAG_P99_MS:.0f} ms",
        f"p99 above {validity.SEND_LAG_P99_MS:.0f} ms",
        f"above {validity.WAITED_SHARE * 100:.0f} % of what it wanted and {validity.WAITED_OF_WALL * 100:.0f} % of the time",
        f"above {validity.OTHERS_SHARE * 100:.0f} %",
    ]
    assert f"kept waiting for {validity.OTHERS_WAITED * 100:.0f} % of the time" in page
    assert f"need {validity.LEAST_LOOKS} samples, the share of CPU a session of {validity.LEAST_S} s" in page


def test_every_command_is_documented_and_every_documented_command_exists(root, tracked):
    page = (root / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## `krawall {name}`\n" not in page] == []
    known = {*COMMANDS, "--help", "--version", "--install-completion", "COMMAND"}
    named = {
        (path.name, word)
        for path in _pages(tracked)
        for code in FENCE.findall(path.read_text(encoding="utf-8"))
        for word in re.findall(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?krawall ([\w-]+)", code, re.MULTILINE)
    }
    assert {(page, word) for page, word in named if word not in known} == set()


def test_options_that_guides_use_exist(root, tracked):
    known = set(re.findall(r"--[a-z][a-z-]*", (root / "docs/reference/cli.md").read_text(encoding="utf-8")))
    used = {
        (path.name, option)
        for path in _pages(tracked)
        for line in re.findall(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?krawall .*", _fenced(path), re.MULTILINE)
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line)
    }
    assert {(page, option) for page, option in used if option not in known} == set()


def test_links_inside_the_docs_lead_somewhere(root, tracked):
    broken = []
    for path in _pages(tracked):
        for link in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
            if "://" in link or link.startswith("#"):
                continue
            if not (path.parent / link.partition("#")[0]).exists():
                broken.append(f"{path.relative_to(root)}: {link}")
    assert broken == []


def test_make_targets_that_docs_name_exist(root, tracked):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        word
        for path in _pages(tracked)
        for word in re.findall(r"(?:^|`)make ([a-z-]+)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named - targets == set()


def _pages(tracked: list[Path]) -> list[Path]:
    return [path for path in tracked if path.suffix == ".md"]


def _fenced(path: Path) -> str:
    return "\n".join(FENCE.findall(path.read_text(encoding="utf-8")))


def _errors(base: type[errors.KrawallError]) -> list[type[errors.KrawallError]]:
    return [inner for cls in base.__subclasses__() if cls.__name__[0] != "_" for inner in [cls, *_errors(cls)]]
