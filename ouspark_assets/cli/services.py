"""`ouspark services`: start, stop and inspect the embedded servers.

Options and tables only; the work is done in `ouspark_assets.services`.
"""

import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from ouspark_assets.cli.output import console, print_table, show_json
from ouspark_assets.services.endpoints import (
    configured_addresses,
    missing_servers,
    resolve_endpoints,
)
from ouspark_assets.services.server_status import ServerStatus, ServicesStatus, read_services_status
from ouspark_assets.settings import load_settings

LABELS = {
    "dev_dsn": "Development database",
    "prod_dsn": "Production database",
    "redis_url": "Cache",
    "site_url": "Results site",
}
PROGRAMS = {"postgres": "PostgreSQL", "redis": "Valkey", "site": "stand-in"}
COLOURS = {
    "running": "green",
    "configured": "cyan",
    "failed": "red",
    "starting": "yellow",
}
KIB = 1024
# Fields that the JSON has as keys and under the setting's own name.
SHOWN_ELSEWHERE = {"setting", "server", "address"}


def start_services() -> None:
    """Start the servers that are not configured, until `down`."""
    settings = load_settings().servers
    terminal = console()
    if not missing_servers(configured_addresses(settings)):
        terminal.print("Every server is configured; there is nothing to start.")
    else:
        resolve_endpoints(settings)
        from ouspark_assets.services import client

        client.keep_servers(settings.home)
        terminal.print("The servers run until you stop them with `ouspark services down`.")
    _show(read_services_status(settings), terminal)


def stop_services() -> None:
    """Stop the embedded servers, even while they are in use."""
    settings = load_settings().servers
    if sys.platform == "win32":
        click.echo("No embedded servers are running.")
        return
    from ouspark_assets.services import client

    answer = client.stop_servers(settings.home)
    if answer is None:
        click.echo("No embedded servers are running.")
    elif answer.users:
        count = f"{answer.users} process{'es' if answer.users > 1 else ''}"
        click.echo(f"The embedded servers were stopped while {count} still used them.")
    else:
        click.echo("The embedded servers were stopped.")


def show_services(*, as_json: bool, show_secrets: bool) -> None:
    """Show which servers run where, without starting any."""
    seen = read_services_status(load_settings().servers, show_secrets=show_secrets)
    if as_json:
        show_json(_as_json(seen))
    else:
        _show(seen, console())


def _as_json(seen: ServicesStatus) -> dict[str, object]:
    servers: dict[str, dict[str, object]] = {}
    for server in sorted(seen.servers, key=lambda one: one.state == "configured"):
        facts = {
            name: value for name, value in asdict(server).items() if name not in SHOWN_ELSEWHERE
        }
        servers.setdefault(server.server, facts)
    return {
        **{server.setting: server.address for server in seen.servers},
        "states": {server.setting: server.state for server in seen.servers},
        "servers": servers,
        "home": str(seen.home),
        "supervisor_pid": seen.supervisor_pid,
        "users": seen.users,
        "kept": seen.kept,
    }


def _show(seen: ServicesStatus, terminal: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "State", "Program", "Process", "Up", "Data"):
        table.add_column(title)
    for server in seen.servers:
        table.add_row(*_cells(server))
    print_table(terminal, table)
    # Addresses are long and meant to be copied, so they are printed below the table.
    for server in seen.servers:
        if server.address:
            line = f"{LABELS[server.setting]}: {server.address}"
            terminal.print(line, markup=False, soft_wrap=True)
    for problem in dict.fromkeys(server.problem for server in seen.servers if server.problem):
        terminal.print(problem, style="red", markup=False, soft_wrap=True)
    terminal.print(_sharing(seen), markup=False, soft_wrap=True)


def _cells(server: ServerStatus) -> tuple[str, ...]:
    colour = COLOURS.get(server.state, "dim")
    program = f"{PROGRAMS[server.server]} {server.version or ''}".strip()
    return (
        LABELS[server.setting],
        f"[{colour}]{server.state}[/]",
        "-" if server.state == "configured" else program,
        str(server.pid or "-"),
        _duration(server.uptime_seconds),
        _size(server.data_bytes),
    )


def _sharing(seen: ServicesStatus) -> str:
    if seen.supervisor_pid is None:
        return f"No embedded servers are running for {seen.home}."
    users = f"{seen.users} process{'' if seen.users == 1 else 'es'}"
    end = "run until `ouspark services down`" if seen.kept else "stop after the last user exits"
    return f"The servers are used by {users} and {end}. Home: {seen.home}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < KIB:
            return f"{size:.0f} {unit}"
        size /= KIB
    return f"{size:.1f} GiB"
