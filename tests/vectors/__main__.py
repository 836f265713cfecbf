"""The Python runner of the suites: python -m tests.vectors PATH... (README.md beside this file has the format.)

A child process runs a file's cases and reports each through a pipe, so that a crash or a hang costs one case: the
parent notes it and starts a new child behind it.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import fastbearer

from . import cases as c

CASE_SECONDS = 10


def run(case: Any) -> c.Outcome:
    """What the library says about a case."""
    try:
        c.check(case)
    except c.BadCase as error:
        return {"id": str(case.get("id", "")) if isinstance(case, dict) else "", "verdict": "error", "code": str(error)}
    identity = {"id": case["id"]}
    try:
        verifier = fastbearer.Verifier(**c.options(case["config"]))
    except (fastbearer.ConfigurationError, TypeError):  # a TypeError: there is no way to say it in this language
        return {**identity, "verdict": "reject", "code": "configuration_invalid"}
    except Exception as error:
        return {**identity, "verdict": "error", "code": f"{type(error).__name__}: {error}"}
    with verifier:
        if "steps" in case:
            steps = [run_step(verifier, step) for step in case["steps"]]
            return {**identity, "verdict": "steps", "code": None, "steps": steps}
        return {**identity, **run_step(verifier, case)}


def run_step(verifier: fastbearer.Verifier, step: dict[str, Any]) -> c.Outcome:
    """What one token comes to: the case's only one, or that of one step."""
    try:
        if "request" in step:
            access = verifier.verify_request(c.request(step["request"]), now=step.get("now"))
        else:
            access = verifier.verify(step["token"], now=step.get("now"))
    except fastbearer.FastBearerError as error:
        return {"verdict": "reject", "code": error.code}
    except Exception as error:  # anything else is no verdict, and the case's difference
        return {"verdict": "error", "code": f"{type(error).__name__}: {error}"}
    return {
        "verdict": "accept", "code": None, "claims": access.claims, "scopes": access.scopes,
        "client_id": access.client_id,
    }  # fmt: skip


def child(todo: list[Any], reports: int) -> NoReturn:
    """Each report is one line whose first character says whether the case came out as expected."""
    status = 3
    logging.getLogger("fastbearer").setLevel(logging.ERROR)  # of audiences that are not checked
    try:
        faulthandler.enable()
        with os.fdopen(reports, "w", encoding="utf-8") as out:
            for case in todo:
                outcome = run(case)
                same = outcome["verdict"] != "error" and c.as_expected(case, outcome)
                out.write(f"{'=' if same else '!'}{json.dumps(outcome, separators=(',', ':'))}\n")
                out.flush()
        status = 0
    finally:
        os._exit(status)


def lines(reports: int) -> Iterator[str]:
    """Whole lines as they come; TimeoutError when none does for too long."""
    held = b""
    while True:
        if not select.select([reports], [], [], CASE_SECONDS)[0]:
            raise TimeoutError
        part = os.read(reports, 1 << 16)
        if not part:
            return
        *whole, held = (held + part).split(b"\n")
        for line in whole:
            yield line.decode()


def blame(case: Any, hangs: bool, status: int) -> str:
    what = f"no answer in {CASE_SECONDS} seconds" if hangs else f"exit status {os.waitstatus_to_exitcode(status)}"
    if not hangs and os.WIFSIGNALED(status):
        what = f"signal {os.WTERMSIG(status)}"
    identity = str(case.get("id", "")) if isinstance(case, dict) else ""
    return json.dumps({"id": identity, "verdict": "hang" if hangs else "crash", "code": what}, separators=(",", ":"))


def run_array(todo: list[Any]) -> Iterator[tuple[bool, str, Any]]:
    """Whether it is as expected, the report line, the case: for each in turn."""
    done = 0
    while done < len(todo):
        reading, writing = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            child(todo[done:], writing)
        os.close(writing)
        hangs = False
        try:
            for line in lines(reading):
                yield line[0] == "=", line[1:], todo[done]
                done += 1
        except TimeoutError:
            hangs = True
            os.kill(pid, signal.SIGKILL)
        os.close(reading)
        status = os.waitpid(pid, 0)[1]
        if done < len(todo):
            yield False, blame(todo[done], hangs, status), todo[done]
            done += 1


def outcomes(paths: list[str]) -> Iterator[tuple[bool, str, Any]]:
    for path in c.files(paths):
        try:
            todo = c.load(path)
        except c.BadCase as error:
            yield (
                False,
                json.dumps({"id": str(path), "verdict": "error", "code": str(error)}, separators=(",", ":")),
                {},
            )
            continue
        yield from run_array(todo)


def main(paths: list[str]) -> int:
    if not paths or paths[0].startswith("-"):
        print("usage: python -m tests.vectors PATH...", file=sys.stderr)
        return 2
    total = different = 0
    for same, line, case in outcomes(paths):
        total += 1
        print(line)
        if not same:
            different += 1
            wanted = {
                name: case[name]
                for name in ("expect", "code", "scopes", "client_id", "steps")
                if isinstance(case, dict) and name in case
            }
            print(f"DIFFERENT {line[:300]} expected {json.dumps(wanted)}", file=sys.stderr)
    print(f"{total} cases, {different} different", file=sys.stderr)
    return 1 if total == 0 or different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
