"""The type stubs are Python, and say what is there."""
import ast
import importlib
import inspect
import pathlib

import pytest

import oriel
import oriel._core
import oriel.tensor.types

PACKAGE = pathlib.Path(oriel.__file__).parent
STUBS = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.pyi"))


def tree(stub):
    return ast.parse((PACKAGE / stub).read_text())


def module_of(stub):
    parts = [part for part in stub.with_suffix("").parts if part != "__init__"]
    name = ".".join(["oriel", *parts])
    # Submodules of the extension are attributes, not files.
    module = importlib.import_module("oriel._core") if parts[0] == "_core" else importlib.import_module(name)
    for part in parts[1:] if parts[0] == "_core" else ():
        module = getattr(module, part)
    return module


def stated(nodes):
    """The public functions, classes and variables of a stub, or of a class in it."""
    names = {}
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.setdefault(node.name, node)
        elif isinstance(node, ast.AnnAssign):
            names.setdefault(node.target.id, node)
        elif isinstance(node, ast.Assign):
            names.setdefault(node.targets[0].id, node)
    return {name: node for name, node in names.items() if not name.startswith("_")}


def test_there_are_stubs():
    assert (PACKAGE / "py.typed").exists()
    assert {str(stub) for stub in STUBS} >= {"_core/__init__.pyi", "_core/tensor.pyi", "_core/nnet.pyi", "tensor/types.pyi"}


@pytest.mark.parametrize("stub", STUBS, ids=str)
def test_what_a_stub_states_is_there(stub):
    module = module_of(stub)
    for name, node in stated(tree(stub).body).items():
        assert hasattr(module, name), name
        if isinstance(node, ast.ClassDef):
            for member in stated(node.body):
                annotated = name == "TensorType" and member in ("dtype", "shape", "name")  # set in __init__
                assert annotated or hasattr(getattr(module, name), member), f"{name}.{member}"


@pytest.mark.parametrize("stub", STUBS, ids=str)
def test_what_is_there_is_stated(stub):
    names = stated(tree(stub).body)
    module = module_of(stub)
    public = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    missing = [name for name in public if name not in names and not inspect.ismodule(getattr(module, name))]
    # Attributes are not functions of the extension: config and the exception.
    assert [name for name in missing if name not in ("config", "OutOfMemory", "annotations")] == []


def test_everything_has_a_docstring():
    bare = []
    for stub in STUBS:
        if stub.parts[0] != "_core":
            continue
        for name, node in stated(tree(stub).body).items():
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not ast.get_docstring(node):
                if not any(ast.get_docstring(n) for n in tree(stub).body if getattr(n, "name", "") == name):
                    bare.append(f"{stub}: {name}")
    assert bare == []


def test_the_ways_into_the_package_have_types():
    """What a program begins with must not be `object` to a type checker."""
    core = stated(tree(pathlib.Path("_core/__init__.pyi")).body)
    returned = {name: ast.unparse(core[name].returns) for name in ("function", "shared", "scan", "clone", "from_dlpack")}
    assert "object" not in returned.values(), returned
    assert returned["function"] == "Function" and returned["shared"] == "SharedVariable"
    gradient = stated(tree(pathlib.Path("_core/gradient.pyi")).body)
    assert ast.unparse(gradient["grad"].returns) != "object"
