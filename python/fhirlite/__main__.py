"""``python -m fhirlite``: runs the program with the same arguments."""

import subprocess
import sys

from ._binary import find_fhirlite_bin


def main() -> int:
    """Runs the program; returns its exit code."""
    try:
        program = find_fhirlite_bin()
    except FileNotFoundError as error:
        print(f"fhirlite: {error}", file=sys.stderr)
        return 127
    process = subprocess.Popen([program, *sys.argv[1:]])
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # A terminal sends the interrupt to the program, too: it ends by itself.
            continue


if __name__ == "__main__":
    sys.exit(main())
