"""`python -m kerasaudit`."""

from kerasaudit.cli import main

if __name__ == "__main__":
    main()
