"""What clients are made from, and the parts of them that are made: the OpenAPI document, the schema of the stream, and
the Python client's types and operations.

    python clients/generate.py            write them
    python clients/generate.py --check    say which are not as they would be written

A test does the second with every run: a change of the door that clients do not know yet fails it.
"""

from __future__ import annotations

import argparse
import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

HERE = Path(__file__).parent
PYTHON = HERE / "python" / "src" / "quantum_memory_client"
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {"merge": {"branch": "from_branch", "agent": "from_agent"}}
"""What fields of a body are called where a parameter has their name already."""
STREAM: Final = "rememberStream"
"""Cut into segments by ``uploads``; what builds one of them is no method."""
KNOWN_BY_CONTENT: Final = frozenset({STREAM, "importMemories"})
"""Changes that add nothing when they are sent again, so that they take no key."""
EVENTS = (
    "MemoryOperation",
    "History",
    "EquationEvolution",
    "EmotionalUpdate",
    "PhaseTransition",
    "Lagging",
    "Snapshot",
    "Presence",
)
"""Messages of the stream that its reader is given."""
MADE = '"""{about} Made by clients/generate.py; not to be edited."""\n\n'
Schema = Mapping[str, Any]


def openapi() -> dict[str, Any]:
    """The document of the real application, which holds nothing and starts nothing here."""
    from quantum_memory.cluster.service.app import create_app
    from quantum_memory.settings import load

    nobody = cast("Any", None)
    return create_app(nobody, nobody, load({}).service.http).openapi()


def stream() -> dict[str, Any]:
    """The JSON Schema of the stream."""
    from quantum_memory.cluster.service.stream.messages import schema

    return schema()


class Types:
    """Schemas as annotations.

    Args:
        schemas: by name.
        prefix: of references to them.
    """

    def __init__(self, schemas: Mapping[str, Schema], prefix: str) -> None:
        self.schemas, self.prefix = schemas, prefix

    def name(self, reference: str) -> str:
        return reference.removeprefix(self.prefix)

    def annotation(self, schema: Schema, *, given: bool, qualifier: str = "") -> str:
        """What a value is annotated with; ``given`` ones are the caller's, who may be freer than the server."""
        if "$ref" in schema:
            name = self.name(schema["$ref"])
            page = re.fullmatch(r"Page_(\w+)_", name)
            return f"Page[{qualifier}{page[1]}]" if page else f"{qualifier}{name}"
        if "anyOf" in schema:
            found = [self.annotation(one, given=given, qualifier=qualifier) for one in schema["anyOf"]]
            return " | ".join(dict.fromkeys(found))
        if "enum" in schema or "const" in schema:
            return f"Literal[{', '.join(map(json.dumps, schema.get('enum', [schema.get('const')])))}]"
        return self._plain(schema, given=given, qualifier=qualifier)

    def _plain(self, schema: Schema, *, given: bool, qualifier: str) -> str:
        kind = schema.get("type")
        if kind == "string":
            return "str | datetime" if given and schema.get("format") == "date-time" else "str"
        if kind == "array":
            each = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
            each = each if isinstance(each, dict) else {"anyOf": each}
            each = {"anyOf": schema["prefixItems"]} if "prefixItems" in schema else each
            return f"{'Sequence' if given else 'list'}[{self.annotation(each, given=given, qualifier=qualifier)}]"
        if kind == "object":
            each = schema.get("additionalProperties")
            inner = (
                self.annotation(each, given=given, qualifier=qualifier) if isinstance(each, dict) and each else "Any"
            )
            return f"{'Mapping' if given else 'dict'}[str, {inner}]"
        return {"number": "float", "integer": "int", "boolean": "bool", "null": "None"}.get(kind or "", "Any")

    def reachable(self, names: Iterator[str]) -> set[str]:
        """These schemas, and all that they point to."""
        found: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left.extend(self.name(one) for one in references(self.schemas[name]))
        return found

    def typed(self, name: str, *, given: bool) -> str:
        """A schema as a TypedDict."""
        schema = self.schemas[name]
        lines = [f"class {name}(TypedDict):", f'    """{doc(schema.get("description") or name)}"""', ""]
        required = set(schema.get("required", ()))
        for field, told in schema.get("properties", {}).items():
            if keyword.iskeyword(field):
                raise ValueError(f"{name}.{field} cannot be a field in Python")
            annotation = self.annotation(told, given=given)
            lines.append(f"    {field}: {annotation if field in required else f'NotRequired[{annotation}]'}")
        return "\n".join(lines)


def references(schema: Any) -> Iterator[str]:
    """Whatever a schema points to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for one in schema.values():
            yield from references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from references(one)


def doc(text: str) -> str:
    """A docstring's text, in lines."""
    return "\n    ".join(textwrap.wrap(" ".join(text.split()), 108)).replace("\\", "\\\\")


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and the rest of each."""
    for path, found in document["paths"].items():
        for method, operation in found.items():
            yield path, method, operation


def snake(name: str) -> str:
    """A name of the document's as Python has it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def body_of(operation: Mapping[str, Any], types: Types) -> Schema:
    """The schema of an operation's body of JSON, or nothing."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return types.schemas[types.name(schema["$ref"])] if "$ref" in schema else {}


class Written:
    """One operation as a function that builds its call."""

    def __init__(self, path: str, method: str, operation: Mapping[str, Any], types: Types) -> None:
        self.path, self.method, self.operation, self.types = path, method.upper(), operation, types
        self.id: str = operation["operationId"]
        self.name = snake(self.id)
        self.first: list[str] = []
        self.named: list[str] = []
        self.fields: list[str] = []
        self.query: list[str] = []
        self.taken = {"calls", "types"}
        self.uploads = list(operation.get("requestBody", {}).get("content", {})) if self._takes_bytes() else []
        writes = self.method != "GET" and operation["x-role"] != "reader"
        self.takes_key = writes and self.id not in KNOWN_BY_CONTENT
        self._parameters()
        self._body()

    def _takes_bytes(self) -> bool:
        content = self.operation.get("requestBody", {}).get("content", {})
        return any(one["schema"].get("format") == "binary" for one in content.values())

    def _annotation(self, schema: Schema) -> str:
        return self.types.annotation(schema, given=True, qualifier="types.")

    def _parameters(self) -> None:
        for one in self.operation["parameters"]:
            if one.get("in") not in ("path", "query"):
                continue
            name = one["name"]
            self.taken.add(name)
            if one["required"]:
                self.first.append(f"{name}: {self._annotation(one['schema'])}")
            else:
                self.named.append(f"{name}: {optional(self._annotation(one['schema']))} = None")
            if one["in"] == "query":
                self.query.append(f"{name}={name}")

    def _body(self) -> None:
        body = body_of(self.operation, self.types)
        renamed, own = RENAMED.get(self.id, {}), []
        for field, schema in body.get("properties", {}).items():
            name = renamed.get(field, field)
            if name in self.taken or keyword.iskeyword(name):
                raise ValueError(f"{self.id}: {name} is taken; give the field another name in RENAMED")
            self.taken.add(name)
            self.fields.append(f"{field!r}: {name}")
            annotation = self._annotation(schema)
            if field in body.get("required", ()):
                self.first.append(f"{name}: {annotation}")
            elif self.method == "PATCH":
                own.append(f"{name}: {optional(annotation.removesuffix(' | None') + ' | Unset')} = UNSET")
            else:
                own.append(f"{name}: {optional(annotation)} = None")
        self.named = own + self.named
        if self.uploads:
            self.first.append("content: bytes | Path")
            self.named.append(f"media_type: str = {self.uploads[0]!r}")
        if self.takes_key:
            self.named.append("idempotency_key: str | None = None")

    def answer(self) -> tuple[str, str]:
        """The type of a good answer, and what reads it."""
        good = {status: one for status, one in self.operation["responses"].items() if status.startswith("2")}
        content = next(iter(good.values())).get("content", {})
        if self.id == STREAM:
            return "list[dict[str, Any]]", "read_lines"
        if "application/json" in content:
            schema = content["application/json"]["schema"]
            return self.types.annotation(schema, given=False, qualifier="types."), "read_json"
        if not content:
            return "None", "read_nothing"
        return ("bytes", "read_bytes") if "application/octet-stream" in content else ("str", "read_text")

    @property
    def listing(self) -> bool:
        return self.answer()[0].startswith("Page[")

    def text(self) -> str:
        """The function."""
        kind, read = self.answer()
        arguments = ", ".join([*self.first, *(["*", *self.named] if self.named else [])])
        told = " ".join([self.operation["summary"], self.operation.get("description", "")])
        path = re.sub(r"\{(\w+)\}", r"{calls.segment(\1)}", self.path)
        literal = f"{'f' if '{' in path else ''}{path!r}"
        parts = [f"name={self.id!r}", f"method={self.method!r}", f"path={literal}", f"read=calls.{read}"]
        if self.query:
            parts.append(f"query=calls.query({', '.join(self.query)})")
        if self.fields:
            parts.append(f"content=calls.{'patch' if self.method == 'PATCH' else 'body'}({{{', '.join(self.fields)}}})")
            parts.append("media_type=calls.JSON_TYPE")
        if self.uploads:
            parts += ["content=content", "media_type=media_type"]
        if self.takes_key:
            parts.append("key=calls.key(idempotency_key)")
        return (
            f'def {self.name}({arguments}) -> Call[{kind}]:\n    """{doc(told)}\n    """\n'
            f"    return Call({', '.join(parts)})\n"
        )


def optional(annotation: str) -> str:
    return annotation if annotation.endswith("None") else f"{annotation} | None"


def written_operations(document: Mapping[str, Any], types: Types) -> str:
    """The module that builds calls, and has them as methods."""
    found = [Written(*one, types) for one in operations(document)]
    lines = [
        MADE.format(about="Every operation of the door."),
        "from __future__ import annotations\n\n",
        "from collections.abc import Mapping, Sequence\nfrom datetime import datetime\nfrom pathlib import Path\n",
        "from typing import Any, Literal\n\n",
        "from quantum_memory_client import calls, types\n",
        "from quantum_memory_client.calls import UNSET, Call, Page, Unset\n",
        "from quantum_memory_client.methods import Listing, Operation\n\n",
        *(f"\n{one.text()}\n" for one in found),
        '\nclass Operations:\n    """All of them as methods, but streams."""\n\n',
        *(
            f"    {one.name} = {'Listing' if one.listing else 'Operation'}({one.name})\n"
            for one in found
            if one.id != STREAM
        ),
    ]
    return "".join(lines)


def written_types(document: Mapping[str, Any], types: Types, events: Types) -> str:
    """The module of what goes in and comes out."""
    given, told = set[str](), set[str]()
    for _, _, operation in operations(document):
        given |= types.reachable(types.name(one) for one in references(body_of(operation, types)))
        told |= types.reachable(types.name(one) for one in references(operation["responses"]) if types.prefix in one)
    both = given & told
    if both:
        raise ValueError(f"given and told: {', '.join(sorted(both))}")
    names = [name for name in types.schemas if name in given | told and not name.startswith("Page_")]
    heard = events.reachable(iter(EVENTS))
    clash = heard & {*names}
    renamed = {name: f"{name}Heard" for name in clash}
    text = [events.typed(name, given=False) for name in events.schemas if name in heard]
    moved = [re.sub("|".join(rf"\b{one}\b" for one in renamed) or "(?!)", lambda m: renamed[m[0]], one) for one in text]
    return "\n\n\n".join(
        [
            MADE.format(about="What goes in and comes out, as JSON has it.")
            + "from __future__ import annotations\n\n"
            + "from collections.abc import Mapping, Sequence\nfrom datetime import datetime\n"
            + "from typing import Any, Literal, NotRequired, TypedDict",
            *(types.typed(name, given=name in given) for name in names),
            *moved,
            f'Event = {" | ".join(EVENTS)}\n"""What a stream tells; ``type`` says which it is."""\n',
        ]
    )


def formatted(text: str, path: Path) -> str:
    """As ruff has it."""
    fix = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        "--fix",
        "--select",
        "I,F401",
        "--stdin-filename",
        str(path),
        "-",
    ]
    shape = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", str(path), "-"]
    for command in (fix, shape):
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=HERE.parent).stdout
    return text


def files() -> dict[Path, str]:
    """Everything that is made, by where it lies."""
    document, messages = openapi(), stream()
    types = Types(document["components"]["schemas"], "#/components/schemas/")
    events = Types(messages["$defs"], "#/$defs/")
    made = {
        PYTHON / "types.py": written_types(document, types, events),
        PYTHON / "_operations.py": written_operations(document, types),
    }
    return {
        HERE / "openapi.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        HERE / "stream.schema.json": json.dumps(messages, indent=1, ensure_ascii=False) + "\n",
        **{path: formatted(text, path) for path, text in made.items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Write, or check; how many are not as they would be written."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true", help="write nothing")
    check = asked.parse_args(arguments).check
    other = [path for path, text in files().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    made = files() if other and not check else {}
    for path in other:
        if not check:
            path.write_text(made[path], encoding="utf-8")
        sys.stdout.write(f"{'differs' if check else 'written'}: {path.relative_to(HERE.parent)}\n")
    return len(other) if check else 0


if __name__ == "__main__":
    sys.exit(main())
