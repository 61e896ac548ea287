"`python -m stylecfm` is the command `stylecfm`."
import sys

from .command import main

if __name__ == '__main__': sys.exit(main())
