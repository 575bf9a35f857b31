"""The direction of imports, and that docs/architecture.md names what exists."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# Each package imports only from lines after its own.
LINES = [
    {"commands"},
    {"cli", "reproduction"},
    {"evaluation", "ranking", "batch_scoring"},
    {"training", "export"},
    {"data", "models"},
    {"layers", "photos", "tfds_series"},
    {"utils"},
]
LINE_OF = {package: number for number, packages in enumerate(LINES) for package in packages}
MODULES = [
    path.relative_to(ROOT)
    for package in ("keras_series", "tfds_series")
    for path in sorted((ROOT / package).rglob("*.py"))
]
BACKEND_NEUTRAL = ("layers", "models")


def package_of(module):
    """The package of a dotted name, as `LINES` has it; `None` for other libraries."""
    top, *rest = module.split(".")
    if top == "tfds_series":
        return top
    return rest[0] if top == "keras_series" and rest else None


def imported(path):
    """The dotted names that a module imports, `from a import b` as `a.b` and as `a`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def lazily_imported(path):
    """The modules that a package's `lazy_loader.attach` names."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.findall(r'^        "(\w+)": \[', text, re.MULTILINE) if "lazy_loader" in text else []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_downwards(path):
    own = package_of(".".join(path.with_suffix("").parts))
    for name in imported(path):
        other = package_of(name)
        if own in LINE_OF and other in LINE_OF and other != own:
            assert LINE_OF[other] > LINE_OF[own], f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_layers_and_models_use_no_tensorflow(path):
    if package_of(".".join(path.parts)) in BACKEND_NEUTRAL:
        assert not any(name.split(".")[0] == "tensorflow" for name in imported(path))


def test_every_package_has_a_line():
    folders = {path.name for path in (ROOT / "keras_series").iterdir() if path.is_dir()}
    files = {path.stem for path in (ROOT / "keras_series").glob("*.py")}
    packages = (folders | files) - {"__init__", "__pycache__"}
    assert packages | {"tfds_series"} == set(LINE_OF)


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=str)
def test_lazy_names_are_of_modules_that_exist(path):
    for module in lazily_imported(path):
        assert (ROOT / path.parent / f"{module}.py").exists()


def test_serving_can_be_copied_out():
    for path in (ROOT / "serving").glob("*.py"):
        names = {name.split(".")[0] for name in imported(path)}
        assert not names & {"keras_series", "tfds_series"}


def test_the_page_draws_the_lines():
    drawing = re.search(r"```\n(scripts, benchmarks.*?)```", PAGE, re.DOTALL)[1].splitlines()[1:]
    assert [set(re.findall(r"\w+", line)) for line in drawing] == LINES


def test_the_paths_on_the_page_exist():
    paths = re.findall(r"`([\w./-]+/[\w./-]*|\w+\.py)`", PAGE)
    assert len(paths) > 50
    folder = ROOT
    for line in PAGE.splitlines():
        found = re.findall(r"`([\w./-]+/[\w./-]*|\w+\.py)`", line)
        if line.startswith("| `") and found:
            folder = ROOT / found[0] if found[0].endswith("/") else ROOT
        for path in found:
            assert (ROOT / path).exists() or (folder / path).exists(), path


def defined(path):
    """The names that a module defines at its top level."""
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id


def test_the_names_on_the_page_are_where_it_says():
    places = re.findall(r"`([A-Za-z_]\w*)`(?:,)? (?:\(|in |of `CACell` in )`([\w/]+\.py)`", PAGE)
    places += re.findall(r"`(\w+)`, and `\w+` in `[\w/]+` \(`([\w/]+\.py)`", PAGE)
    assert len(places) > 25
    for name, path in places:
        if name == "reduction_ratio":
            assert name in (ROOT / path).read_text(encoding="utf-8")
        else:
            assert name in set(defined(path)), f"{name} in {path}"


def test_every_name_on_the_page_exists():
    text = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in MODULES)
    names = set(re.findall(r"`([A-Z]\w*[a-z]\w*|[a-z]+(?:_[a-z]+)+)`", PAGE))
    assert len(names) > 25
    for name in names:
        assert re.search(rf"\b{name}\b", text), name
