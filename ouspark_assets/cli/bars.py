"""A progress bar in a terminal, gone when the work is done; nothing where there is no terminal.

What moves it, and which lines are printed instead of it, is for whoever is at work.
"""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn


class Bars:
    """Bars with these columns behind a spinner and what is being done."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        """On this console."""
        self.console = console
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()
