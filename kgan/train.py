"""`python -m kgan.train …`: the same as `kgan train …`."""

import sys

from kgan.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
