"""Files and functions fit one thought, and say what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_is_longer_than_the_hard_stop(modules):
    long = [f"{module.path.name}: {len(module.lines)}" for module in modules if len(module.lines) > MOST_LINES]
    assert long == []


def test_no_function_is_longer_than_a_screen(modules):
    long = [
        f"{module.name}.{function.name}: {length}"
        for module in modules
        for function in ast.walk(module.tree)
        if isinstance(function, Function) and (length := _length(function)) > MOST_FUNCTION_LINES
    ]
    assert long == []


def test_every_module_class_and_public_function_says_what_it_is(modules):
    silent = [
        f"{module.name}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for module in modules
        for node in _public(module.tree)
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_folders_are_named_for_features(root):
    drawers = {"utils", "util", "common", "helpers", "core", "manager", "managers", "base", "misc", "shared"}
    found = [path for path in (root / "src").rglob("*") if path.is_dir() and path.name in drawers]
    assert found == []


def test_unit_tests_of_pure_packages_stand_beside_their_modules(root, modules):
    """Every module of a pure package is imported by a unit test of that package, or by a module that one imports.

    The second half allows a module to be cut in two without its tests being cut. Every test there tests its package. The
    model also holds contracts, which the unit tests of those who keep them are about.
    """
    lonely, strange = [], []
    everywhere = set().union(
        *(
            _imports(ast.parse(path.read_text(encoding="utf-8")))
            for path in (root / "tests" / "unit").rglob("test_*.py")
        )
    )
    for package in ("model", "conversation", "load", "metrics", "guard", "wire"):
        own = {
            module.name: _imports(module.tree) for module in modules if module.name.startswith(f"krawall.{package}.")
        }
        tests = {
            path.name: _imports(ast.parse(path.read_text(encoding="utf-8")))
            for path in sorted((root / "tests" / "unit" / package).glob("test_*.py"))
        }
        strange += [name for name, imported in tests.items() if not imported & own.keys()]
        tested = own.keys() & (everywhere if package == "model" else set().union(*tests.values()))
        lonely += sorted(own.keys() - tested - set().union(*(own[name] for name in tested)))
    assert (lonely, strange) == ([], [])


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _length(function: Function) -> int:
    """Lines of code of a function: from `def` to its end, without its docstring."""
    body = function.body
    documented = ast.get_docstring(function, clean=False)
    text = body[0].end_lineno - body[0].lineno + 1 if documented and body[0].end_lineno else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - text


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """The module, its classes, and public functions of modules and public classes; protocol callbacks included."""
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            if not node.name.startswith("_"):
                yield node
                yield from (inner for inner in node.body if isinstance(inner, Function) and _wants_words(node, inner))
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def _wants_words(owner: ast.ClassDef, function: Function) -> bool:
    """Whether a method needs a docstring: not a setter, nor one that asyncio or httptools name and document."""
    foreign = {"connection_made", "data_received", "connection_lost", "on_url", "on_message_begin", "on_header",
               "on_headers_complete", "on_body", "on_message_complete"}  # fmt: skip
    if any(isinstance(mark, ast.Attribute) and mark.attr == "setter" for mark in function.decorator_list):
        return False
    bases = {ast.unparse(base) for base in owner.bases}
    return not function.name.startswith("_") and not ("asyncio.Protocol" in bases and function.name in foreign)
