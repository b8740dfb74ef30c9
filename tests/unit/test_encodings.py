"""The workflow reads and writes texts as UTF-8 in every locale."""

import ast
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / "workflow"
# calls that take the locale's encoding without `encoding`; those of files not if they are of bytes
TEXTS = ("read_text", "write_text")
FILES = ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "TextIOWrapper")


def without_encoding(source: str) -> list[int]:
    """Return the lines of the calls that read or write text in the encoding of the locale."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(getattr(node.func, "value", None), "id", "")
        given = {keyword.arg for keyword in node.keywords}
        if name == "open" and owner in ("os", "Image", "tarfile", "h5o", "h5a", "zipfile"):  # of bytes
            continue
        words = [one.value for one in [*node.args, *(k.value for k in node.keywords)] if isinstance(one, ast.Constant)]
        binary = any(isinstance(word, str) and "b" in word and len(word) <= 3 for word in words)
        flags = {keyword.arg for keyword in node.keywords if not isinstance(keyword.value, ast.JoinedStr)}
        text = {"text", "universal_newlines"} & flags  # an f-string is a text, not subprocess's switch
        if (name in TEXTS or (name in FILES and not binary) or text) and "encoding" not in given:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", sorted(WORKFLOW.rglob("*.py")), ids=lambda path: str(path.relative_to(WORKFLOW)))
def test_no_module_leaves_the_encoding_to_the_locale(path):
    assert without_encoding(path.read_text(encoding="utf-8")) == []


def test_no_rule_reads_a_text_by_itself():
    rules = [WORKFLOW.parent / "Snakefile", *WORKFLOW.glob("rules/*.smk")]
    assert not [path for path in rules if any(f"{name}(" in path.read_text(encoding="utf-8") for name in TEXTS + FILES)]


@pytest.mark.parametrize(
    "call",
    ["open(x)", "open(x, 'w')", "x.open('a')", "x.read_text()", "x.write_text(y)", "subprocess.run(x, text=True)"],
)
def test_such_a_call_is_found(call):
    assert without_encoding(call) == [1]


@pytest.mark.parametrize("call", ["open(x, 'rb')", "open(x, encoding='utf-8')", "os.open(x, y)", "x.read_bytes()"])
def test_other_calls_are_none(call):
    assert without_encoding(call) == []
