"""How much is measured: the sizes that the budgets are about, and small ones for a quick look."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Scale:
    """Sizes of the benchmarks."""

    rounds: int = 3
    # Scraping: students of the stand-in, tickets asked; the slowest reference asks fewer.
    site_students: int = 6_000
    tickets: int = 5_000
    tickets_of_the_slowest: int = 1_500
    pages: int = 4_000
    pages_of_the_slowest: int = 500
    marks: int = 1_000_000
    rows_of_the_slowest: int = 20_000
    students: int = 100_000
    published_students: int = 10_000
    keys: int = 100_000
    end_to_end_students: int = 10_000

    def with_students(self, students: int) -> "Scale":
        """The same for another number of students."""
        return replace(
            self,
            students=students,
            published_students=min(self.published_students, students),
            end_to_end_students=min(self.end_to_end_students, students),
        )

    def with_rounds(self, rounds: int) -> "Scale":
        """The same for another number of rounds."""
        return replace(self, rounds=rounds)


FULL = Scale()
QUICK = Scale(
    rounds=1,
    site_students=150,
    tickets=100,
    tickets_of_the_slowest=40,
    pages=100,
    pages_of_the_slowest=20,
    marks=5_000,
    rows_of_the_slowest=200,
    students=500,
    published_students=120,
    keys=1_000,
    end_to_end_students=100,
)
# The smaller population of the growth figure is this many times smaller.
GROWTH = 10
