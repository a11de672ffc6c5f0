"""`python -m bigtheta` is the command `bigtheta`."""

from bigtheta.verify.cli import main

if __name__ == "__main__":
    main()
