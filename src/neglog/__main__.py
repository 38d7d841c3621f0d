"""``neglog`` and ``python -m neglog``; importing this module takes no time."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, also while its modules are imported."""
    try:
        from neglog.cli import main as run

        run()
    except KeyboardInterrupt:
        print("neglog: stopped by Ctrl-C; nothing was written.", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
