"""Runs of Python, a few at a time, each in its own process, with output, exit code and time.

A run that does not end is stopped. What counts is the processor's time that it and its children
took, which others at work do not change; and a run that takes none of it for long waits for
something that does not come.

A run may begin as a fork of one process that has done the heavy imports (`heavy.py`) and nothing
else: as alone as a new process, without the four seconds of processor that it spends on importing
torch, diffusers and matplotlib. Where that is not so, it begins as a new process.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from contextlib import chdir
from multiprocessing.connection import Connection
from typing import NamedTuple

import psutil
from notebooks import ROOT

WORKERS = 2  # runs at a time unless told otherwise
IDLE = 900  # seconds without work after which a run is taken to hang
FORKS = multiprocessing.get_context('forkserver') if sys.platform == 'linux' else None
if FORKS:
    FORKS.set_forkserver_preload(['heavy'])


def warm():
    "Begin with the heavy imports, if that has not been done: they may run beside something else."
    if not FORKS:
        return
    from multiprocessing.forkserver import ensure_running

    with chdir(ROOT / 'tools'):
        ensure_running()  # where it finds heavy.py


class Job(NamedTuple):
    "What to run."

    name: str
    args: list  # what follows `python` on a command line: a file or `-c` and a text, and more
    limit: float = 300  # seconds of the processor after which it is ended
    fork: bool = False  # whether heavy imports may be done before it begins
    first: bool = False  # long ones begin first, that the last ones end together
    idle: float = 0  # seconds without work after which it is ended; 0: `IDLE`


class Done(NamedTuple):
    "Outcome of a process that ended."

    name: str
    code: int
    out: str
    seconds: float

    @property
    def problem(self):
        return problem(self.code, self.out)


def problem(code, out):
    "Why a run failed, '' if it did not; one that was killed may have printed nothing."
    return (out.strip() or f'ended with exit code {code} and printed nothing') if code else ''


def begin(args, pipe):
    "The child of a fork: what `python *args` would do, its output into a pipe."
    os.setsid()
    os.chdir(ROOT)
    for fd in (1, 2):
        os.dup2(pipe.fileno(), fd)
    if not getattr(sys.modules.get('heavy'), 'FRESH', False):
        os.execv(sys.executable, [sys.executable, *args])
    sys.argv = args if args[0] != '-c' else ['-c', *args[2:]]
    try:
        if args[0] == '-c':
            exec(compile(args[1], '<string>', 'exec'), {'__name__': '__main__'})
        else:
            runpy.run_path(args[0], run_name='__main__')
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing leaves them out


def fork(args, write):
    "Begin it in a fork that writes there."
    warm()
    with Connection(os.dup(write), readable=False) as pipe:
        process = FORKS.Process(target=begin, args=(args, pipe))
        process.start()
    return process


def worked(pid):
    "Seconds of the processor that a process and its children took, those that have ended included."
    total = 0.0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return total
    for p in family:
        try:
            total += sum(p.cpu_times()[:4])
        except psutil.Error:
            pass
    return total


class Run:
    "A job that has begun."

    def __init__(self, job):
        self.job, args = job, [*map(str, job.args)]
        read, write = os.pipe()
        if job.fork and FORKS:
            self.process = fork(args, write)
        else:
            self.process = subprocess.Popen(
                [sys.executable, *args],
                cwd=ROOT,
                stdout=write,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == 'posix',
            )
        os.close(write)
        self.start = self.looked = self.moved = time.perf_counter()
        self.work = 0.0
        self.out, self.reader = (
            [],
            threading.Thread(target=self.read, args=(open(read, 'rb'),), daemon=True),
        )
        self.reader.start()

    def read(self, pipe):
        with pipe:
            self.out.append(pipe.read().decode('utf-8', 'replace').strip())

    def end(self):
        "End it with all its children."
        if os.name != 'posix':
            return self.process.kill()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()  # not yet the head of a group, or gone

    def done(self):
        "Return the outcome once the process has ended and its output is closed."
        code = (
            self.process.poll()
            if isinstance(self.process, subprocess.Popen)
            else self.process.exitcode
        )
        seconds = time.perf_counter() - self.start
        if code is not None and not self.reader.is_alive():
            return Done(self.job.name, code, self.out[0], seconds)
        if why := self.too_long():
            self.end()
            getattr(self.process, 'wait', getattr(self.process, 'join', None))()
            return Done(self.job.name, 1, why, seconds)

    def too_long(self):
        "Why it has to be ended, if it has; looked at once a second."
        if (now := time.perf_counter()) < self.looked + 1:
            return ''
        self.looked, before, self.work = now, self.work, max(self.work, worked(self.process.pid))
        if self.work > before:
            self.moved = now
        if self.work > self.job.limit:
            return f'not done after {self.job.limit:.0f} s of the processor'
        most = self.job.idle or IDLE
        return f'did nothing for {most:.0f} s' if now - self.moved > most else ''


def run_python(text, env):
    "What a child prints that runs this text."
    return subprocess.run(
        [sys.executable, '-c', text],
        cwd=ROOT,
        env=env,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def run_all(jobs, workers=WORKERS):
    "Run them, `first` ones first, and yield what came of each in the order of `jobs`."
    waiting, running, found = sorted(range(len(jobs)), key=lambda i: not jobs[i].first), {}, {}
    try:
        for told in range(len(jobs)):
            while told not in found:
                while waiting and len(running) < workers:
                    i = waiting.pop(0)
                    running[i] = Run(jobs[i])
                for i, run in list(running.items()):
                    if done := run.done():
                        found[i] = done
                        del running[i]
                time.sleep(0.01)
            yield found[told]
    finally:
        for run in running.values():
            run.end()
