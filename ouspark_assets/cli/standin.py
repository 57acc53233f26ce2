"""`ouspark standin`: the command of the bundled results site, as the group takes it in."""

from ouspark_assets.standin.command import standin

__all__ = ["standin"]
