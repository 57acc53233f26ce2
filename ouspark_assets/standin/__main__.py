"""Run the stand-in alone with `python -m ouspark_assets.standin`, without the `ouspark` command."""

from ouspark_assets.standin.command import standin

if __name__ == "__main__":
    standin(prog_name="python -m ouspark_assets.standin")
