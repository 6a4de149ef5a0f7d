"""An emulator of AWS for what Terraform makes: `python emulator.py PID` prints its address, and ends with process PID."""

from __future__ import annotations

import os
import select
import sys
import tempfile


def main() -> None:
    # the emulator knows a thousand images of Amazon's, and reads them when EC2 is first asked
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # where a recording of requests goes that somebody asks for at /moto-api/recorder
    folder = tempfile.TemporaryDirectory(prefix="gas-emulator-")
    os.environ["MOTO_RECORDER_FILEPATH"] = os.path.join(folder.name, "requests")
    import refreshes

    from app.local import emulator

    refreshes.install()
    watched = os.pidfd_open(int(sys.argv[1]))
    server = emulator.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    select.select([watched], [], [])
    folder.cleanup()
    # the server's threads wait for ever
    os._exit(0)


if __name__ == "__main__":
    main()
