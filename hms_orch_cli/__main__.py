"""`python -m hms_orch_cli` is `hms-orch`."""

from hms_orch_cli.cli.main import run

if __name__ == "__main__":
    run()
