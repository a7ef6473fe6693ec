"""Where the time goes while payments are authorised in groups: of the service's Python, and of PostgreSQL.

py-spy looks at each worker from outside (`pip install py-spy`; it needs leave to look into other processes), at the
thread that holds the interpreter's lock: so what is counted is work, and not waiting. What PostgreSQL does is looked
up in pg_stat_activity.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from sqlalchemy import text

from bench import crowd, processor
from bench.authorizations import ABLE, MOST_CONNECTIONS, Till
from bench.stage import Failed, Figure, Stage

LOOKED_AT_SECONDS: Final = 10
TIMES_A_SECOND: Final = 200
SHOWN: Final = 16
# By the innermost frame that is in one of them; the first that fits.
PARTS: Final = (
    ("driver (psycopg)", r"psycopg"),
    ("SQLAlchemy", r"sqlalchemy/"),
    ("body checked (marshmallow, webargs, smorest)", r"marshmallow|webargs|flask_smorest"),
    ("Flask, Werkzeug", r"flask/|werkzeug/"),
    ("access token (PyJWT, joserfc)", r"jwt/|joserfc/|wallet/access/"),
    ("log (structlog)", r"structlog/|logging/|wallet/logs"),
    ("metrics (prometheus-client)", r"prometheus_client/|wallet/metrics"),
    ("journal", r"tokenization/journal/"),
    ("vault, keys, cryptogram", r"cryptography/|hmac\.py|tokenization/(vault|keys/|cryptogram|payment_keys)"),
    ("JSON (json, rfc8785)", r"json/|rfc8785|strict_json"),
    ("payments", r"wallet/payments/"),
    ("drawing rights and usage", r"delegation/"),
    ("cards, tokens, policies", r"tokenization/"),
    ("HTTP edge of ours", r"wallet/"),
)
_OURS: Final = re.compile(r"(?:^|/)((?:wallet|tokenization|delegation|notifications)/[\w/]+\.py)")
_ACTIVITY: Final = text("""
    SELECT CASE WHEN state = 'active' THEN coalesce(wait_event_type || ': ' || wait_event, 'works')
        ELSE 'waits for the service, in a transaction' END,
        CASE WHEN state = 'active' THEN query END
    FROM pg_stat_activity, pg_sleep(0.02)
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
""")
_TABLE: Final = re.compile(r"\b(?:tokenization|delegation|notifications|wallet)\.\w+")


def measure(stage: Stage) -> list[Figure]:
    """Shares in percent."""
    if not (py_spy := shutil.which("py-spy")):
        raise Failed("py-spy is not there: pip install py-spy")
    able = min(ABLE, stage.sizes.cards)
    till = Till(stage, crowd.fill(stage.parts, stage.sizes.cards, able), MOST_CONNECTIONS, stage.port)
    till.pay_for(stage.sizes.seconds)
    with (
        _activity(stage) as (doing, statements),
        _stacks(py_spy, processor.roots(stage, stage.port)["service"]) as seen,
    ):
        till.pay_for(LOOKED_AT_SECONDS + 2)
    return [
        *_shares("service, Python: ", _parts(seen)),
        *_shares("service, within ", _functions(seen), of=seen.total()),
        *_shares("PostgreSQL: a connection ", doing),
        *_shares("PostgreSQL: works at ", statements),
    ]


def _shares(prefix: str, counted: Counter[str], of: int | None = None) -> list[Figure]:
    whole = of or counted.total() or 1
    return [Figure(f"{prefix}{name}", 100 * count / whole, "%") for name, count in counted.most_common(SHOWN)]


@contextmanager
def _stacks(py_spy: str, service: int) -> Iterator[Counter[str]]:
    """Within, each worker is looked at; afterwards the stacks are there, and how often each was seen."""
    seen = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="tegnebog-bench-") as folder, ExitStack() as stack:
        files = []
        for pid in processor.children(service):
            files.append(Path(folder, str(pid)))
            options = ["-f", "raw", "-r", str(TIMES_A_SECOND), "-d", str(LOOKED_AT_SECONDS), "-o", str(files[-1])]
            command = [py_spy, "record", "--gil", "--full-filenames", *options, "--pid", str(pid)]
            stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield seen
        stack.close()
        for file in filter(Path.exists, files):
            for line in file.read_text().splitlines():
                stack_, _, count = line.rpartition(" ")
                seen[stack_] += int(count)
    if not seen:
        raise Failed("py-spy saw nothing: may it look into other processes?")


def _parts(seen: Counter[str]) -> Counter[str]:
    found = Counter[str]()
    for stack, count in seen.items():
        found[_part(stack.split(";"))] += count
    return found


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, pattern in PARTS:
            if re.search(pattern, frame):
                return name
    return "the rest"


def _functions(seen: Counter[str]) -> Counter[str]:
    """Within which functions of ours, all that they call included."""
    found = Counter[str]()
    for stack, count in seen.items():
        for function in {_name(frame) for frame in stack.split(";")} - {None}:
            found[str(function)] += count
    return found


def _name(frame: str) -> str | None:
    function, _, place = frame.partition(" (")
    ours = _OURS.search(place)
    return f"{ours[1]} {function}" if ours and "<" not in function else None


@contextmanager
def _activity(stage: Stage) -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Within, what connections do is looked up: in all, and at which table while they work."""
    doing, statements, over = Counter[str](), Counter[str](), Event()
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(_watch, stage, doing, statements, over)
        try:
            yield doing, statements
        finally:
            over.set()
        watching.result()


def _watch(stage: Stage, doing: Counter[str], statements: Counter[str], over: Event) -> None:
    while not over.is_set():
        with stage.parts.database.reading() as session:
            for state, query in session.execute(_ACTIVITY).all():
                doing[state] += 1
                if query:
                    statements[_statement(query)] += 1


def _statement(query: str) -> str:
    """Its verb and its first table."""
    found = _TABLE.search(query)
    return f"{query.split(maxsplit=1)[0].upper()} {found[0] if found else ''}".rstrip()
