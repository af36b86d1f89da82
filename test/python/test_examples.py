"""The Python programs of examples/ reach what their READMEs say."""
import importlib.util
import pathlib

import numpy

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"


def program(name):
    """train.py of an example as a module of its own."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), EXAMPLES / name / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_perceptron_learns(capsys):
    assert program("digits-mlp").main([]) >= 0.97
    out = capsys.readouterr().out
    assert "test accuracy: 0.97" in out or "test accuracy: 0.98" in out or "test accuracy: 0.99" in out
    assert "Function" in out and "Planned peak" in out
    assert "train.py:" in out  # rows name the program's lines


def test_resuming_gives_the_same_bits(tmp_path, capsys):
    train = program("digits-mlp").main
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    expected = train(["--epochs", "3", "--checkpoint", str(whole)])
    assert train(["--epochs", "3", "--checkpoint", str(parts), "--stop-after", "1"]) is None
    assert train(["--epochs", "3", "--checkpoint", str(parts), "--resume"]) == expected
    a, b = numpy.load(whole), numpy.load(parts)
    assert sorted(a.files) == sorted(b.files)
    assert any(name.startswith("random") for name in a.files)
    for name in a.files:
        assert a[name].tobytes() == b[name].tobytes(), name


def test_the_language_model_learns_and_writes(capsys):
    model = program("language-model")
    lines = model.read_text(None)
    assert sum(len(line) for line in lines) > 500_000
    after = model.main(["--steps", "150", "--vocabulary", "3001", "--units", "64", "--noise", "100"])
    out = capsys.readouterr().out
    before = float(out.split("perplexity before training: ")[1].split()[0])
    assert after < 0.8 * before
    text = out.split("perplexity after training: ")[1].split("\n\n")[1]
    assert len(text.split()) > 20
    assert "Scatter" in out  # rows of the tables, updated in place
