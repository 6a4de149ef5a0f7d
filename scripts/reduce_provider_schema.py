"""Makes the schema that the Terraform tests run against: the AWS provider's own, reduced to the types that `terraform/` uses.

    python scripts/reduce_provider_schema.py SCHEMA

SCHEMA is the output of `terraform providers schema -json`, plain or gzipped. The types in use are read from the .tf files;
attributes and nested blocks that no file names are kept, so that a wrong name is still a wrong name.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "terraform"
REDUCED = ROOT / "tests" / "support" / "terraform" / "schema.json.gz"
PROVIDER = "registry.terraform.io/hashicorp/aws"
DECLARED = re.compile(r'^(resource|data)\s+"(aws_\w+)"', re.MULTILINE)


def types_in_use() -> dict[str, set[str]]:
    """The resource and data source types that the .tf files declare."""
    used: dict[str, set[str]] = {"resource": set(), "data": set()}
    for file in sorted(SOURCES.rglob("*.tf")):
        for kind, name in DECLARED.findall(file.read_text()):
            used[kind].add(name)
    return used


def reduce(schemas: dict[str, Any], used: dict[str, set[str]]) -> dict[str, Any]:
    """The provider's schema with only the types in use. Raises KeyError for a type that the provider lacks."""
    whole = schemas["provider_schemas"][PROVIDER]
    whole["provider"]["block"]["attributes"].pop("alias", None)  # Terraform's own
    return {
        "provider": whole["provider"],
        "resource_schemas": {name: whole["resource_schemas"][name] for name in sorted(used["resource"])},
        "data_source_schemas": {name: whole["data_source_schemas"][name] for name in sorted(used["data"])},
    }


def main() -> None:
    source = Path(sys.argv[1])
    content = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    reduced = reduce(json.loads(content), types_in_use())
    # no time stamp in the archive, so that equal content gives equal bytes
    REDUCED.write_bytes(gzip.compress(json.dumps(reduced, separators=(",", ":")).encode(), mtime=0))
    print(f"{REDUCED.relative_to(ROOT)}: {len(reduced['resource_schemas'])} resources, {REDUCED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
