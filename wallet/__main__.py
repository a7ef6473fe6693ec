"""`python -m wallet` is `wallet`."""

from wallet.cli import main

if __name__ == "__main__":
    main()
