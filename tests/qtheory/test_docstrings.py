"""Docstrings of everything public: shapes and units of arguments, what is returned and raised, an example."""

import importlib
import inspect
import pkgutil
import re

import pytest

import qtheory
from qtheory.quantizers import Quantizer
from qtheory.sources import Source

PRIVATE_PARTS = re.compile(r"(^|\.)_")


def modules():
    """All modules of qtheory with no private part in their name."""
    found = [info.name for info in pkgutil.walk_packages(qtheory.__path__, "qtheory.")]
    return [importlib.import_module(name) for name in found if not PRIVATE_PARTS.search(name)]


def public(module):
    """Functions and classes that a module offers: its ``__all__``, or else what it defines."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    return [
        value for name in names if inspect.isroutine(value := getattr(module, name)) or inspect.isclass(value)
    ]


def methods(kind):
    """Functions that a class defines for its users, with the docstring they inherit."""
    for name, member in inspect.getmembers_static(kind):
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        described = inspect.isfunction(function) and function.__module__.startswith("qtheory")
        if described and not name.startswith("_"):
            yield function


ALL = {}
for module in modules():
    for thing in public(module):
        thing = inspect.unwrap(thing)
        ALL[f"{thing.__module__}.{thing.__qualname__}"] = thing
FUNCTIONS = {name: thing for name, thing in ALL.items() if not inspect.isclass(thing)}
CLASSES = {name: thing for name, thing in ALL.items() if inspect.isclass(thing)}
METHODS = {f"{name}.{f.__name__}": f for name, kind in CLASSES.items() for f in methods(kind)}

COMMANDS = {name for name in FUNCTIONS if name.startswith("qtheory.__main__.")}
"""Entry points: their arguments are the command line's, and `test_main.py` runs them."""

OF_THE_MACHINE = {name for name in FUNCTIONS if name.startswith("qtheory.doctor.")} | {
    "qtheory.weights.weights_folder"
}
"""What these return depends on the machine, so that no example could be tested."""

INHERITED = {name for kind in (Source, Quantizer) for name in vars(kind) if not name.startswith("_")}
"""Methods described once, where the base class or the protocol introduces them."""


def sections(doc):
    return {m[1]: m.end() for m in re.finditer(r"^(\w+)\n-{3,}$", doc, re.MULTILINE)}


def parameters(function):
    names = list(inspect.signature(function).parameters)
    return [name for name in names if name not in ("self", "cls")]


def body(doc, name):
    """Text of one section."""
    start = sections(doc)[name]
    following = [end for end in sections(doc).values() if end > start]
    return doc[start : min(following, default=len(doc))]


def test_the_walk_reaches_the_functions_that_outside_checks_call():
    for name in (
        "qtheory._lloyd_max.lloyd_max",
        "qtheory.optimal.optimal_scalar",
        "qtheory.entropy.perplexity",
        "qtheory._shannon.shannon_lower_bound",
        "qtheory.claims.verify",
    ):
        assert name in FUNCTIONS
    assert len(FUNCTIONS) > 50


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - COMMANDS))
def test_functions_describe_each_argument_and_what_they_return(name):
    function = FUNCTIONS[name]
    doc = inspect.getdoc(function) or ""
    for parameter in parameters(function):
        assert re.search(rf"^\*{{0,2}}([\w, ]*, )?{parameter}\b", body(doc, "Parameters"), re.MULTILINE), (
            parameter
        )
    if inspect.signature(function).return_annotation not in (None, "None"):
        assert sections(doc).keys() & {"Returns", "Yields"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - COMMANDS))
def test_functions_name_the_errors_that_they_raise(name):
    raised = set(re.findall(r"^\s+raise (\w+Error)\(", inspect.getsource(FUNCTIONS[name]), re.MULTILINE))
    doc = inspect.getdoc(FUNCTIONS[name])
    assert not raised or raised <= set(re.findall(r"\w+Error", body(doc, "Raises")))


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - COMMANDS - OF_THE_MACHINE))
def test_functions_have_an_example(name):
    assert ">>> " in inspect.getdoc(FUNCTIONS[name])


@pytest.mark.parametrize("name", [name for name, kind in CLASSES.items() if not issubclass(kind, Exception)])
def test_classes_describe_their_fields_and_show_how_they_are_built(name):
    doc = inspect.getdoc(CLASSES[name]) or ""
    protocol = getattr(CLASSES[name], "_is_protocol", False)
    assert protocol or sections(doc).keys() & {"Parameters", "Attributes"}
    if "Parameters" in sections(doc) and not name.startswith("qtheory.claims."):
        assert ">>> " in doc  # what functions return has Attributes, and its example there


@pytest.mark.parametrize("name", METHODS)
def test_methods_describe_their_arguments_and_what_they_return(name):
    function = METHODS[name]
    owner = name.split(".")[-2]
    if function.__name__ in INHERITED and owner not in ("Source", "Quantizer"):
        return
    doc = inspect.getdoc(function) or ""
    assert not parameters(function) or "Parameters" in sections(doc)
    assert inspect.signature(function).return_annotation in (None, "None") or "Returns" in sections(doc)


THEORY = ("information", "entropy", "codebooks", "quantizers", "optimal", "bounds", "limits", "expected")
"""Modules whose functions compute what the paper or the literature defines."""

SOURCE = re.compile(
    r"^References\n-{3,}|\b([Dd]efinition|[Ee]quations?|Section|Appendix|Proposition|Table|Finding)\b",
    re.MULTILINE,
)


def of_theory(kinds):
    offered = {f"qtheory.{name}": public(importlib.import_module(f"qtheory.{name}")) for name in THEORY}
    things = {id(inspect.unwrap(thing)) for things in offered.values() for thing in things}
    return sorted(name for name, thing in kinds.items() if id(thing) in things)


@pytest.mark.parametrize("name", of_theory(FUNCTIONS))
def test_functions_of_the_theory_name_the_papers_equation_or_a_reference(name):
    assert SOURCE.search(inspect.getdoc(FUNCTIONS[name]))


@pytest.mark.parametrize(
    "name", [n for n in of_theory(CLASSES) if "Parameters" in sections(inspect.getdoc(CLASSES[n]))]
)
def test_classes_of_the_theory_name_the_papers_section_or_a_reference(name):
    assert SOURCE.search(
        inspect.getdoc(CLASSES[name]) + (CLASSES[name].__init__.__doc__ or "")
    ) or "et al." in (inspect.getdoc(CLASSES[name]))


def test_the_theory_is_more_than_fifty_functions():
    assert len(of_theory(FUNCTIONS)) > 50


@pytest.mark.parametrize("name", sorted({**FUNCTIONS, **METHODS}.keys() - COMMANDS))
def test_what_checks_its_arguments_says_so(name):
    function = {**FUNCTIONS, **METHODS}[name]
    checks = re.search(r"\b_check\.(?!numbers\b)\w+\(", inspect.getsource(function))
    owner = name.split(".")[-2]
    if checks and not (function.__name__ in INHERITED and owner not in ("Source", "Quantizer")):
        assert "Raises" in sections(inspect.getdoc(function))


def test_sections_are_read_as_they_are_written():
    doc = "What.\n\nParameters\n----------\nx : (n,) array\n    Input.\n\nReturns\n-------\nint\n"
    assert list(sections(doc)) == ["Parameters", "Returns"]
    assert "x : (n,) array" in body(doc, "Parameters")
    assert "int" not in body(doc, "Parameters")
