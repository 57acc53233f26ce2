"""`python -m ouspark_assets.standin`: the stand-in alone, without the rest of the project."""

from ouspark_assets.standin.command import standin

if __name__ == "__main__":
    standin(prog_name="python -m ouspark_assets.standin")
