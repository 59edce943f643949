"""What must not stand in the tree: praise, providers in code, second clocks, broad excepts, machines and registries."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

PROVIDERS = re.compile("openai|anthropic|gemini|azure|ollama|vllm", re.IGNORECASE)
DIALECTS = {f"krawall.mockbot.{name}" for name in ("openai", "responses", "anthropic", "gemini", "ollama")}
PRAISE = re.compile(r"\b(?:ro" r"bust|seam" r"less|compre" r"hensive|power" r"ful|flex" r"ible)", re.IGNORECASE)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b|\bst" r"ub(?:s|bed)?\b|\bplace" r"holder", re.IGNORECASE)
MACHINES = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")
REGISTRIES = re.compile(
    r"\b(?:[\w-]+\.)*(?:py"
    r"pi\.org|python"
    r"hosted\.org|npm"
    r"js\.org|artifac"
    r"tory\.[\w.]+)\b"
    r"|(?:--|\b)(?:extra-)?index-"
    r"url[ =:]+\S*//",
    re.IGNORECASE,
)
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".csv", ".lock", ".sh", ".html", ".txt", ""}


def test_code_knows_no_provider(modules, root):
    """Facts about providers are in plugins/presets; the mock bot speaks their dialects, each in a file of its name.

    Docstrings and comments may name a provider. So may a text that names a preset (`openai-chat`) or a tool whose
    figures ours are compared with (`vllm bench`). A module of ours that bears a provider's name is that module.
    """
    presets = sorted(
        (path.stem for path in (root / "src/krawall/plugins/presets").glob("*.yaml")), key=len, reverse=True
    )
    found = []
    for module in modules:
        if module.name in DIALECTS:
            continue
        docstrings = {id(node) for node in _docstrings(module.tree)}
        ours = {alias.asname or alias.name for alias in _imported_modules(module.tree)}
        for node in ast.walk(module.tree):
            word = _word(node) if id(node) not in docstrings else ""
            for excused in (*presets, "vllm bench"):
                word = word.replace(excused, "")
            if PROVIDERS.search(word) and word not in ours:
                found.append(f"{module.name}:{getattr(node, 'lineno', '?')} {word!r}")
    assert found == []


def test_no_word_praises_what_it_describes(tracked):
    assert _matches(PRAISE, [path for path in tracked if path.suffix in (".py", ".md", ".yaml", ".toml")]) == []


def test_nothing_is_left_for_later(tracked):
    found = _matches(UNFINISHED, [path for path in tracked if path.suffix in (".py", ".yaml", ".toml")])
    attribute = "place" + "holder"  # of a field of a form: what HTML calls the example in it
    assert [words for words in found if not (words.startswith(("session_", "fields.py")) and attribute in words)] == []


def test_no_file_names_a_machine_or_a_registry(tracked):
    texts = [path for path in tracked if path.suffix in TEXT]
    assert _matches(MACHINES, texts) + _matches(REGISTRIES, texts) == []


def test_the_wall_clock_is_read_in_one_module(modules):
    clocks = re.compile(r"\btime\.time(?:_ns)?\(|\bdatetime\.(?:datetime\.)?(?:now|utcnow|today)\(|\bdate\.today\(")
    found = [module.name for module in modules if module.name != "krawall.clock" and clocks.search(_code(module.text))]
    assert found == []


def test_every_exception_is_caught_at_a_boundary_only(modules):
    """`except Exception` stands where a user, sink, job, request or plugin ends, and its line says which boundary it is."""
    places = {"krawall.engine.": "user|sink", "krawall.queue.jobs": "job", "krawall.api.errors": "request"}
    places["krawall.plugins.registry"] = "plugin"
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                line = module.lines[node.lineno - 1]
                what = next((words for place, words in places.items() if module.name.startswith(place)), None)
                if what is None or not re.search(rf"# .*({what})'s boundary", line):
                    found.append(f"{module.name}:{node.lineno} {line.strip()}")
    assert found == []


def test_the_report_refers_to_nothing_outside_itself(modules):
    network = re.compile(r"\bhttps?://|\bsrc=|@import|\burl\(|<link\b|<script\b", re.IGNORECASE)
    found = [
        f"{module.name}:{node.lineno} {node.value[:60]!r}"
        for module in modules
        if module.name.startswith("krawall.conduct.")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and network.search(node.value)
    ]
    assert found == []


def test_the_lock_pins_every_package_by_hash_and_names_no_address(root):
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert entries
    assert [entry.split("\n")[0] for entry in entries if not re.match(r"[\w.\[\]-]+==\S+", entry)] == []
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def _matches(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if hit := pattern.search(line):
                found.append(f"{path.name}:{number} {hit[0]!r}")
    return found


def _docstrings(tree: ast.Module) -> list[ast.AST]:
    """Constants that stand alone as a statement: docstrings of modules, classes, functions and attributes."""
    return [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]


def _imported_modules(tree: ast.Module) -> list[ast.alias]:
    return [
        alias
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("krawall.")
        for alias in node.names
    ]


def _word(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.alias)):
        return node.name
    return (node.arg or "") if isinstance(node, (ast.keyword, ast.arg)) else ""


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def _code(text: str) -> str:
    """The text of a module without comments and strings."""
    kept = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (tokenize.COMMENT, tokenize.STRING)
    ]
    return "".join(kept)
