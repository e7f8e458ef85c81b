"""``python -m saltation``: the command line, where the script is not on the path."""

from saltation.cli import main

if __name__ == "__main__":
    main()
