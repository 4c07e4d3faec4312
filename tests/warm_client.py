"""Runs `mien` in a fork of the process of `tests.warm`. Imports little: to start fast is what it is for."""

import json
import os
import signal
import socket
import struct
import sys


def main(path: str, arguments: list[str]) -> None:
    told = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109  pathlib takes longer than all else
    body = json.dumps(told).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    held = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    signal.pthread_sigmask(signal.SIG_BLOCK, held)  # until it is known whom to pass them on to
    socket.send_fds(connection, [struct.pack("!I", len(body))], [0, 1, 2])
    connection.sendall(body)
    answers = connection.makefile()
    pid = int(answers.readline())
    for number in held:
        signal.signal(number, lambda got, _: os.kill(pid, got))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, held)
    code = int(answers.readline() or 1)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main(sys.argv[1], sys.argv[2:])
