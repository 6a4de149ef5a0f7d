"""Where Ansible is, and what it works on."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
BIN = ROOT / ".venv-ansible" / "bin"
