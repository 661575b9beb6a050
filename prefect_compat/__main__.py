"""`python -m prefect_compat`: the same as the command `prefect-compat`."""

from prefect_compat.cli.main import main

if __name__ == "__main__":
    main()
