"""Running the demo: the story once over a fresh deployment, or systems that stay up until somebody presses q."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from specie.app.cli.errors import Usage
from specie.app.cli.terminal import Terminal
from specie.app.config.model import Config
from specie.app.demo import asking, proving, spending
from specie.app.demo.stage import Stage, at, open_stage
from specie.app.demo.story import Act, play
from specie.app.demo.telling import Teller, as_line, banner, books_line, equation, write
from specie.app.ports import next_free_port, port_holder
from specie.kernel.clock import Randomness, SeededRandomness, SystemRandomness

ACTS: list[tuple[str, str, Act]] = [
    ("found", "Found", asking.tell_founding),
    ("refuse", "Refuse", asking.tell_refusal),
    ("request", "Issue", asking.tell_request),
    ("validate", "Issue", asking.tell_validation),
    ("credential", "Issue", asking.tell_credential),
    ("present", "Issue", asking.tell_presentation),
    ("control_bit", "Issue", asking.tell_control_bit),
    ("units", "Issue", asking.tell_units),
    ("replay", "Replay", proving.tell_replay),
    ("forge", "Forge", proving.tell_forgery),
    ("mint", "Mint", spending.tell_mint),
    ("pay", "Pay", spending.tell_payment),
    ("proof", "Prove", spending.tell_proof),
    ("redeem", "Redeem", spending.tell_redemption),
    ("redeem_twice", "Redeem", spending.tell_second_redemption),
    ("blocks", "Blocks", spending.tell_blocks),
    ("verify", "Verify", proving.tell_verification),
    ("books", "Books", proving.tell_books),
]
CHAPTERS = list(dict.fromkeys(title for _, title, _ in ACTS))
MARKER = "root-keys"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of the demo."""

    reset: bool = False
    lan: bool = False
    port: int | None = None
    speed: float = 0.0
    seed: int | None = None
    data_dir: Path | None = None

    def randomness(self) -> Randomness:
        """A seed makes keys that anyone can make again: good for a demo and for nothing else."""
        return SystemRandomness() if self.seed is None else SeededRandomness(self.seed)


def run_demo(terminal: Terminal, wishes: Wishes, *, play: bool) -> bool:
    """True if all that was shown held."""
    with folder_of(terminal.config, wishes, fresh=play) as folder:
        config = at(terminal.config, folder)
        work = play_once(terminal, config, wishes) if play else stay(terminal, config, wishes)
        return terminal.run(work)


@contextlib.contextmanager
def folder_of(config: Config, wishes: Wishes, *, fresh: bool) -> Iterator[Path]:
    """The demo's data: a folder that is named, one that vanishes afterwards, or the demo's own. Raises Usage."""
    if wishes.data_dir is None and fresh:
        with tempfile.TemporaryDirectory(prefix="specie-demo-") as name:
            yield Path(name)
        return
    folder = (wishes.data_dir or config.data_dir / "demo").absolute()
    if wishes.reset and folder.exists():
        if any(folder.iterdir()) and not (folder / MARKER).exists():
            raise Usage(f"{folder} was not made by specie, so --reset leaves it alone")
        shutil.rmtree(folder)
    yield folder


async def play_once(terminal: Terminal, config: Config, wishes: Wishes) -> bool:
    """The story from the beginning, then the end."""
    port = wishes.port or 0
    async with open_stage(config, port=port, randomness=wishes.randomness()) as stage:
        return await tell(terminal, stage, wishes.speed)


async def tell(terminal: Terminal, stage: Stage, speed: float) -> bool:
    """Print the story as it is played; whether every check held."""
    lines = terminal.flags.json or terminal.flags.jsonl
    teller = Teller(CHAPTERS, color=terminal.color(sys.stdout))
    if not lines:
        write(banner())
    ends = {title: step for step, title, _ in ACTS}
    told = None
    async for told in play(stage, ACTS):
        if lines:
            if told.step != "books":
                write(as_line(told))
            continue
        if told.step == "books" and told.ok:
            told.lines = [equation(told.figures, stage.office.place.currency), "books balance"]
        for line in teller.lines(told, ends=ends[told.title] == told.step):
            write(line)
        if speed:
            await asyncio.sleep(1.5 / speed)
    ok = told is not None and told.ok and told.step == ACTS[-1][0]
    if lines and told is not None:
        write(books_line(told) if told.step == "books" else '{"books": {"balanced": false}}')
    elif not ok:
        terminal.warn(f"✘ the demo ended at {told.step if told else 'the beginning'}: see above")
    return ok


async def stay(terminal: Terminal, config: Config, wishes: Wishes) -> bool:
    """Systems that stay up; p plays the story beside them, q stops."""
    host = "0.0.0.0" if wishes.lan else "127.0.0.1"
    wanted = config.gateway.listen_port if wishes.port is None else wishes.port
    port = next_free_port(host, wanted) if wanted else 0
    if port != wanted:
        holder = port_holder(wanted)
        terminal.note(f"Port {wanted} is in use{f' by {holder}' if holder else ''}. Using {port}.")
    async with open_stage(config, host=host, port=port, randomness=wishes.randomness()) as stage:
        await welcome(terminal, stage, wishes)
        await keys_until_end(terminal, wishes)
    return True


async def welcome(terminal: Terminal, stage: Stage, wishes: Wishes) -> None:
    """What is there, and where."""
    office = stage.office
    await office.read_policy()
    code = office.place.currency
    quotas = await office.quota_control.quotas()
    daily = [each for each in quotas.buckets if each.name == "daily"]
    out = max((each.used for each in quotas.buckets if each.kind == "stock"), default=0)
    policy = await office.read_policy()
    cap = next((limit.cap for limit in policy.limits if limit.name == "daily"), 0)
    left = min((each.available for each in daily), default=cap)
    money = f"quota {office.words(left, code)} today · outstanding {office.words(out, code)}"
    url = f"http://127.0.0.1:{stage.server.port}"
    facts = {
        "Data directory": f"{stage.config.data_dir}   (SQLite; delete with `specie demo --reset`)",
        "Roles": "all in one process, each with its own store and keys      separation of duties is OFF",
        "Keys": "issuance system, central management, quota control, 3 root holders",
        "People": ", ".join(name.capitalize() for name in office.place.people() if "-" not in name),
        "Money": money,
        "API": f"{url}/openapi.json      export SPECIE_URL={url}",
    }
    lines = [banner(), *(f" ✔ {name:<16} {text}" for name, text in facts.items())]
    if wishes.lan:
        terminal.warn("anyone in this network may now issue this play money: there is no lock on a sandbox")
    if sys.stdin.isatty():
        lines.append("\n Press  p  play the story   q  stop")
    terminal.show(
        {"url": url, "data_dir": str(stage.config.data_dir), "left": office.plain(left, code)}, "\n".join(lines)
    )


async def keys_until_end(terminal: Terminal, wishes: Wishes) -> None:
    """Serve until q, SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    pressed: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, pressed.put_nowait, "q")
    with one_key_at_a_time(loop, pressed):
        while (key := await pressed.get()) != "q":
            if key == "p":
                with tempfile.TemporaryDirectory(prefix="specie-demo-") as name:
                    await play_once(terminal, at(terminal.config, Path(name)), Wishes(speed=wishes.speed))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


@contextlib.contextmanager
def one_key_at_a_time(loop: asyncio.AbstractEventLoop, pressed: asyncio.Queue[str]) -> Iterator[None]:
    """Keys without Enter, where a person sits at a terminal."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, lambda: pressed.put_nowait(sys.stdin.read(1)))
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
