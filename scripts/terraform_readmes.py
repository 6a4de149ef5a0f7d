"""Writes the inputs and outputs of each Terraform module into its README, from the .tf files.

    python scripts/terraform_readmes.py          writes
    python scripts/terraform_readmes.py --check  says which are not current, and exits 1

Everything from the marker on is made; what stands before it is written by hand. The files must be as `terraform fmt` leaves them.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = ROOT / "terraform" / "modules"
MARKER = "<!-- From here on made by scripts/terraform_readmes.py -->\n"
BLOCK = re.compile(r'^(variable|output) "(\w+)" {\n(.*?)^}', re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(r"^  (\w+) += (.*?)(?=^  \w+ += |^  \w+ {|^$|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Declared:
    """A variable or output as its block says; `type` and `default` are empty where it has none."""

    name: str
    description: str
    type: str = ""
    default: str = ""


def declared(file: Path, kind: str) -> list[Declared]:
    """The blocks of one kind in a file, in its order."""
    found = []
    for block, name, body in BLOCK.findall(file.read_text()):
        if block == kind:
            said = {argument: value.strip() for argument, value in ARGUMENT.findall(body)}
            found.append(Declared(name, _sentence(said["description"]), said.get("type", ""), said.get("default", "")))
    return found


def readme(module: Path) -> str:
    """The module's README as it should be."""
    by_hand = (module / "README.md").read_text().partition(MARKER)[0]
    inputs = ["| Name | What it is | Type | Default |", "|---|---|---|---|"]
    for variable in declared(module / "variables.tf", "variable"):
        default = _code(variable.default) if variable.default else "required"
        inputs.append(f"| `{variable.name}` | {variable.description} | {_code(variable.type)} | {default} |")
    outputs = ["| Name | What it is |", "|---|---|"]
    outputs += [f"| `{output.name}` | {output.description} |" for output in declared(module / "outputs.tf", "output")]
    return by_hand + MARKER + "\n".join(["", "## Inputs", "", *inputs, "", "## Outputs", "", *outputs, ""])


def _sentence(value: str) -> str:
    if value.startswith("<<-EOT"):
        value = " ".join(line.strip() for line in value.splitlines()[1:-1])
    return value.strip('"').replace('\\"', '"').replace("|", "\\|")


def _code(value: str) -> str:
    """Code in a cell of a table, over several lines where it has them."""
    if "\n" not in value:
        return f"`{value}`"
    first, rest = value.split("\n", 1)
    return "<pre>" + f"{first}\n{textwrap.dedent(rest)}".replace("\n", "<br>") + "</pre>"


def main() -> None:
    stale = []
    for module in sorted(MODULES.iterdir()):
        file, right = module / "README.md", readme(module)
        if file.read_text() != right:
            stale.append(str(file.relative_to(ROOT)))
            if "--check" not in sys.argv:
                file.write_text(right)
    print("\n".join(stale) or "all current")
    sys.exit("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    main()
