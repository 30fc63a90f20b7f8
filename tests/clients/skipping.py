"""What a check does that lacks its clients: it is skipped loudly, or fails where they have to be there."""
import os
import sys

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def skip(reason):
    if os.environ.get("GRATICULE_REQUIRE_CLIENTS") == "1":
        sys.exit(f"FAILED: {reason}, and GRATICULE_REQUIRE_CLIENTS is set")
    print(f"SKIPPED: {reason}; install with packaging/deps/install.sh --clients", file=sys.stderr)
    sys.exit(SKIPPED)
