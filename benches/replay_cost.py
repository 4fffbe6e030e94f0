#!/usr/bin/env python3
"""What a replay of 40 bare paths costs as a whole process, beside what teams use instead.

  cargo build --release -p verifier
  benches/replay_cost.py [--verifier PROGRAM] [--runs 7] [--paths FILE]

Makes a catalogue of the paths (40 of its own, or those of FILE, one a line), records golden files from a
small server on loopback, and then takes turns: `verifier replay`, a Python script that asks each path with
`requests.get` and compares the JSON with what was stored, the same with one connection, one curl for all, and
hurl where it is installed. CPU is what the kernel counted for the process, user and system. Ratios are taken
within a round; the table gives least, median and greatest. A program that ends with anything but success ends
the bench.
"""
import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from urllib.parse import parse_qsl, urlsplit

ROWS = [{"id": at, "number": "R%d" % at, "status": "NORMAL", "price": 120000 + at,
         "group": {"id": at % 5, "name": "group %d" % (at % 5)}} for at in range(35)]
BODY = json.dumps({"code": 200, "data": ROWS, "page": {"size": 35, "total": 35}}).encode()

SCRIPT = """
import json, sys, requests
base, paths, stored = sys.argv[1], open(sys.argv[2]).read().split(), json.load(open(sys.argv[3]))
ask = %s
wrong = 0
for path in paths:
    answer = ask.get(base + path, headers={"Accept": "application/json"}, timeout=10)
    wrong += answer.status_code != 200 or answer.json() != stored
sys.exit(1 if wrong else 0)
"""


async def serve(port, delay_s):
    """Answers every request with the same page, after `delay_s`, on connections that stay open."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY

    async def client(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                if delay_s:
                    await asyncio.sleep(delay_s)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def backend(delay_s):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve", str(port), str(delay_s)])
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            return process, "http://127.0.0.1:%d" % port
        except OSError:
            time.sleep(0.02)
    sys.exit("the bench's own server does not start")


def once(command, folder):
    """Wall and CPU seconds of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("%s ended with %d: %s" % (command[0], process.returncode, told.decode(errors="replace")[-400:]))
    return wall, usage.ru_utime + usage.ru_stime


def catalogue(paths):
    lines = ["data: synthetic", "endpoints:"]
    for at, path in enumerate(paths):
        parts = urlsplit(path)
        query = ["%s=%s" % pair for pair in parse_qsl(parts.query, keep_blank_values=True)]
        lines.append("  - {id: path_%d, path: %s, params: %s, expected_status: 200}"
                     % (at, json.dumps(parts.path), json.dumps(query)))
    return "\n".join(lines) + "\n"


def table(title, commands, folder, runs, base):
    got = {name: [] for name, _ in commands}
    for at in range(runs + 1):  # the first round warms what is cached and does not count
        for name, command in commands[at % len(commands):] + commands[:at % len(commands)]:
            taken = once(command, folder)
            if at:
                got[name].append(taken)
    print("\n%s; %d rounds; load average %.1f\n" % (title, runs, os.getloadavg()[0]))
    print("| command | wall ms | CPU ms | wall x | CPU x | CPU x hurl |\n|---|---|---|---|---|---|")
    hurls = {"verifier --version": "hurl --version"}
    three = lambda values, form: " / ".join(form % f(values) for f in (min, statistics.median, max))
    for name, _ in commands:
        ratios = [[mine[of] / theirs[of] for mine, theirs in zip(got[name], got[base])] for of in (0, 1)]
        beside = got.get(hurls.get(name, "hurl --test, status and body"))
        against = [mine[1] / theirs[1] for mine, theirs in zip(got[name], beside)] if beside else None
        print("| %s | %s | %s | %s | %s | %s |" % (
            name, three([wall * 1e3 for wall, _ in got[name]], "%.0f"), three([cpu * 1e3 for _, cpu in got[name]], "%.0f"),
            three(ratios[0], "%.3f"), three(ratios[1], "%.3f"), three(against, "%.2f") if against else "-"))


def main():
    if sys.argv[1:2] == ["--serve"]:
        return asyncio.run(serve(int(sys.argv[2]), float(sys.argv[3])))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifier", default=os.path.join(root, "target", "release", "verifier"))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--paths", help="bare paths, one a line; 40 made-up ones unless given")
    args = parser.parse_args()
    if subprocess.run([sys.executable, "-c", "import requests"], capture_output=True).returncode:
        sys.exit("the Python package `requests` is missing: %s -m pip install requests" % sys.executable)
    paths = ["/api/v1/e%d/items?page=%d" % (at, at % 3) for at in range(40)]
    if args.paths:
        with open(args.paths) as file:
            paths = file.read().split()
    verifier = os.path.abspath(args.verifier)
    hurl, curl = shutil.which("hurl"), shutil.which("curl")
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
            return os.path.join(folder, name)

        listed = write("paths.txt", "\n".join(paths) + "\n")
        stored = write("stored.json", BODY.decode())
        each = write("each.py", SCRIPT % "requests")
        kept = write("kept.py", SCRIPT % "requests.Session()")
        write("endpoints.yaml", catalogue(paths))
        for title, delay_s, runs in [("A server that answers at once", 0, args.runs),
                                     ("A server that takes 50 ms", 0.05, max(3, args.runs // 2))]:
            server, base = backend(delay_s)
            try:
                files = ["--catalog", "endpoints.yaml", "--golden", "golden-%d" % (delay_s * 1000)]
                once([verifier, "record", "--legacy", base, "--accept"] + files, folder)
                incumbent = "requests.get, a connection each"
                commands = [
                    (incumbent, [sys.executable, each, base, listed, stored]),
                    ("requests.Session, one connection", [sys.executable, kept, base, listed, stored]),
                    ("verifier replay", [verifier, "replay", "--candidate", base] + files),
                ]
                if curl:
                    outputs = [word for path in paths for word in ("-o", "/dev/null", base + path)]
                    commands.append(("one curl for all, nothing compared", [curl, "-sf"] + outputs))
                if hurl:
                    # the status and the whole body, to the letter, which is the most that hurl compares
                    script = write("all.hurl", "\n".join(
                        "GET %s%s\nHTTP 200\n`%s`\n" % (base, path, BODY.decode()) for path in paths))
                    commands.append(("hurl --test, status and body", [hurl, "--test", script]))
                    script = write("one.hurl", "\n".join(
                        'GET %s%s\nHTTP 200\n[Asserts]\njsonpath "$.data" isCollection\n' % (base, path) for path in paths))
                    commands.append(("hurl --test, status and one field", [hurl, "--test", script]))
                if not delay_s:
                    commands += [("python3 -c 'import requests'", [sys.executable, "-c", "import requests"]),
                                 ("verifier --version", [verifier, "--version"])]
                    commands += [("hurl --version", [hurl, "--version"])] if hurl else []
                table(title, commands, folder, runs, incumbent)
            finally:
                server.terminate()
                server.wait(5)
    if not hurl:
        print("\nhurl is not installed here: it was not measured.")


if __name__ == "__main__":
    main()
